"""The design of the plugins: who may know whom, names, sizes. See pants-plugins/README.md."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

NAMESPACE = "qingkong_build"
PLUGINS = Path("pants-plugins")
#: What each part may import of the others.
MAY_KNOW = {
    "sandbox": set[str](),
    "file_url": set[str](),
    "ruff": set[str](),
    "pex_tool": set[str](),
    "pex_tree": {"sandbox"},
    "interpreters": {"sandbox"},
    "downloads": {"sandbox"},
    "python_lock": {"downloads", "sandbox"},
    "lock_review": {"downloads", "python_lock", "sandbox"},
    "native_wheel": {"downloads", "pex_tree", "python_lock", "sandbox"},
    "oci.engine": {"sandbox"},
    "oci.zstd": {"pex_tree", "sandbox"},
    "oci.layout": {"oci.zstd", "sandbox"},
    "oci.layers": {"downloads", "native_wheel", "oci.layout", "python_lock", "sandbox"},
    "oci.image": {"downloads", "oci.engine", "oci.layers", "oci.layout", "oci.zstd", "sandbox"},
    "oci.policy": {"oci.layout", "python_lock", "sandbox"},
    "oci.attest": {"oci.layers", "oci.layout", "oci.zstd", "python_lock", "sandbox"},
    "oci.explain": {"oci.layers", "oci.layout", "python_lock", "sandbox"},
    # What registers all of them.
    "oci": {"oci.attest", "oci.explain", "oci.image", "oci.layers", "oci.policy"},
}
#: Lines of a function, with its decorators and its docstring.
LONGEST = 60


def sources() -> Iterator[Path]:
    """All that is in the distribution."""
    for path in sorted((PLUGINS / NAMESPACE).rglob("*.py")):
        if not path.name.endswith(("_test.py", "_for_tests.py")):
            yield path


MODULES = [path for path in sources() if "scripts" not in path.parts]


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(PLUGINS).with_suffix("").parts).removesuffix(".__init__")


def part_of(module: str) -> str:
    """`oci.image` of `qingkong_build.oci.image.layout`, `oci` of `qingkong_build.oci.register`."""
    names = module.split(".")[1:]
    is_below = names[:1] == ["oci"] and Path(PLUGINS, NAMESPACE, *names[:2]).is_dir()
    return ".".join(names[: 2 if is_below else 1])


def imports_of(path: Path) -> set[str]:
    """The modules of the plugins that one imports."""
    known = {module_of(each) for each in MODULES}
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {each.name for each in node.names if each.name.startswith(NAMESPACE)}
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(NAMESPACE):
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                found.add(whole if whole in known else str(node.module))
    return found


def test_each_part_knows_only_those_that_it_may() -> None:
    seen: dict[str, set[str]] = defaultdict(set)
    for path in MODULES:
        part = part_of(module_of(path))
        if not part:
            continue
        seen[part] |= {part_of(each) for each in imports_of(path)} - {part}
    wrong = {part: parts - MAY_KNOW[part] for part, parts in seen.items()}
    assert {part: parts for part, parts in wrong.items() if parts} == {}
    assert set(MAY_KNOW) == set(seen)


def inner_names(path: Path) -> Iterator[str]:
    """What a module imports of Pants that no page of Pants offers to plugins."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pants."):
            is_inner = str(node.module).startswith(("pants.engine.internals.", "pants.vcs."))
            yield from (each.name for each in node.names if is_inner or each.name.startswith("_"))


def test_inner_names_of_pants_are_listed() -> None:
    table = Path("docs/adopt.md").read_text(encoding="utf-8").partition("| interface of Pants |")[2]
    listed = set(re.findall(r"`(\w+)`", table.partition("\n\n")[0]))
    # Of one interface, the name that people know.
    listed |= {f"{prefix}GitWorktree{end}" for prefix, end in (("Maybe", ""), ("", "Request"))}
    names = {name for path in MODULES for name in inner_names(path)}
    assert "_uncacheable_rule" in names
    assert names - listed == set()


def test_each_listed_interface_has_what_moved_since() -> None:
    """By Pants' change notes and sources: docs/adopt.md has a table for it, in the same order."""
    tables = Path("docs/adopt.md").read_text(encoding="utf-8").split("| interface of Pants |")[1:]
    listed, moved = (
        [line.split(" | ")[0] for line in table.partition("\n\n")[0].splitlines()[2:]]
        for table in tables
    )
    assert listed == moved
    assert len(listed) > 1


def test_no_circle_of_imports() -> None:
    graph = {module_of(path): imports_of(path) - {module_of(path)} for path in MODULES}
    assert list(TopologicalSorter(graph).static_order())


def test_no_two_classes_have_one_name() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for path in MODULES:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(str(path))
    assert {name: paths for name, paths in places.items() if len(paths) > 1} == {}


def test_all_name_one_version_of_pex() -> None:
    """What the launcher builds, what the plugins build for others, and what a page pins."""
    places = {
        "pants.toml": r"^version = \"v([\d.]+)\"$",
        "build-support/bootstrap/tools.in": r"^pex==([\d.]+)$",
        "docs/adopt.md": r"^version = \"v([\d.]+)\"$",
        str(PLUGINS / NAMESPACE / "pex_tool.py"): r"^VERSION = \"([\d.]+)\"$",
    }
    found = {}
    for path, pattern in places.items():
        text = Path(path).read_text(encoding="utf-8")
        # Other tools of pants.toml have a version, too.
        section = text.partition("[pex-cli]\n")[2] or text
        match = re.search(pattern, section, re.MULTILINE)
        found[path] = match[1] if match else None
    assert None not in found.values(), found
    assert len(set(found.values())) == 1, found


@pytest.mark.parametrize("path", sources(), ids=str)
def test_no_function_is_long(path: Path) -> None:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, kinds):
            first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
            assert (node.end_lineno or 0) - first < LONGEST, f"{path}:{first}: {node.name}"
