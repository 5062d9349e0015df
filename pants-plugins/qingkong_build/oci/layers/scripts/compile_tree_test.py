from __future__ import annotations

import ftplib
import importlib.util
import inspect
import json
import marshal
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import CodeType
from typing import Any

import compile_tree
import pytest

SOURCE = '''"""A module with what may be written in more than one way."""

import os
from typing import Any

NAMES = frozenset({"alpha", "beta", "gamma", "delta"})
MARK = "|"
LONG = (10**20, 2.5, 1j, b"bytes", "two words", ..., None, ("nested", ("deeper", 1)))


class Shop:
    """The name, and a name with more than ASCII: \\u5e97."""

    kind = "shop"

    def __init__(self, **settings: Any) -> None:
        self.settings = settings

    def cell(self) -> Any:
        found = self.settings

        def inner(key: str = "os") -> Any:
            return [found[key] for key in found if key in {"alpha", "beta", "os"}]

        return inner


def path() -> str:
    return os.fspath("two words") | MARK
'''
# What another process may have done before: names that are in use, and the same files compiled.
BUSY = """
import argparse, asyncio, compile_tree, pathlib, sys
kept = []
for file in pathlib.Path("tree").rglob("*.py"):
    compile(file.read_bytes(), "/elsewhere.py", "exec")
    kept += [sys.intern(word) for word in file.read_text().split()]
sys.exit(compile_tree.main(sys.argv[1:3]))
"""
PLAIN = "import compile_tree, sys; sys.exit(compile_tree.main(sys.argv[1:3]))"


def spec(**fields: Any) -> dict[str, Any]:
    """A specification as the plugin writes it, with `fields` in it."""
    return {
        "target": "deploy:layer",
        "tree": "tree",
        "path": "app",
        "exclude": [],
        "python": list(sys.version_info[:2]),
        **fields,
    }


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tree of some files, in the working directory as in a sandbox."""
    monkeypatch.chdir(tmp_path)
    write(
        tmp_path / "tree",
        {"shop.py": SOURCE, "pkg/__init__.py": "", "pkg/used.py": "USED = True\n", "pkg/a.txt": ""},
    )
    return tmp_path / "tree"


def write(folder: Path, files: Mapping[str, str]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


def compiled(**fields: Any) -> dict[str, bytes]:
    """What is written for the tree: contents by path."""
    compile_tree.compile_tree(spec(**fields), "out")
    return contents(Path("out"))


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def in_a_process(program: str, output: str, seed: str) -> dict[str, bytes]:
    """What another process writes for the tree, with another seed of hashes."""
    Path("layer.json").write_text(json.dumps(spec()))
    here = os.path.dirname(os.path.abspath(compile_tree.__file__))
    subprocess.run(
        [sys.executable, "-c", program, "layer.json", output],
        env={"PYTHONPATH": here, "PYTHONHASHSEED": seed},
        check=True,
    )
    return contents(Path(output))


def test_a_file_for_each_source(tree: Path) -> None:
    tag = sys.implementation.cache_tag
    assert list(compiled()) == [
        f"__pycache__/shop.{tag}.pyc",
        f"pkg/__pycache__/__init__.{tag}.pyc",
        f"pkg/__pycache__/used.{tag}.pyc",
    ]


def test_the_same_bytes_in_every_process(tree: Path) -> None:
    # In a process that has compiled it before, Python writes this one with other references.
    write(tree, {"ftplib.py": inspect.getsource(ftplib)})
    first = in_a_process(PLAIN, "first", "1")
    assert first
    assert in_a_process(PLAIN, "second", "2") == first
    assert in_a_process(BUSY, "third", "3") == first
    assert compiled() == first


def test_the_interpreter_takes_it_unchecked(tree: Path) -> None:
    """Once the source is another, what was compiled still runs, and names the image's path."""
    for name, content in compiled().items():
        target = tree / name
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(content)
    (tree / "pkg" / "used.py").write_text("raise SystemExit('the source was compiled')\n")
    program = "import pkg.used, shop; print(pkg.used.USED, shop.path.__code__.co_filename)"
    done = subprocess.run(
        [sys.executable, "-B", "-c", program], cwd=tree, capture_output=True, text=True, check=True
    )
    # The import system puts in where it found the file.
    assert done.stdout.split() == ["True", str(tree / "shop.py")]
    name = f"__pycache__/shop.{sys.implementation.cache_tag}.pyc"
    code = marshal.loads(compiled()[name][16:])
    assert isinstance(code, CodeType)
    assert code.co_filename == "/app/shop.py"


def test_it_is_the_same_code(tree: Path) -> None:
    content = compiled()[f"__pycache__/shop.{sys.implementation.cache_tag}.pyc"]
    assert content[:4] == importlib.util.MAGIC_NUMBER
    assert content[4:8] == b"\1\0\0\0"
    assert content[8:16] == importlib.util.source_hash(SOURCE.encode())
    # Without what this file has from __future__.
    source = compile(SOURCE, "/app/shop.py", "exec", dont_inherit=True)
    assert marshal.loads(content[16:]) == source


def test_what_is_left_out_has_none(tree: Path) -> None:
    tag = sys.implementation.cache_tag
    assert list(compiled(exclude=["pkg"])) == [f"__pycache__/shop.{tag}.pyc"]


def test_one_left_out_file_has_none(tree: Path) -> None:
    assert not any("used" in name for name in compiled(exclude=["*/used.py"]))


def test_what_is_no_python_has_none(tree: Path) -> None:
    write(tree, {"template.py": "class {{ name }}:\n", "zero.py": "\0", "latin.py": "# \u00e9"})
    (tree / "latin.py").write_bytes(b"x = '\xe9'\n")
    names = list(compiled())
    assert len(names) == 3
    assert not any("template" in name or "zero" in name or "latin" in name for name in names)


def test_warnings_of_sources_are_not_shown(tree: Path, recwarn: pytest.WarningsRecorder) -> None:
    write(tree, {"odd.py": "x = 1 is 1\ny = '\\d'\n"})
    assert any("odd" in name for name in compiled())
    assert list(recwarn) == []


def test_another_python(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("layer.json").write_text(json.dumps(spec(python=[3, 2])))
    assert compile_tree.main(["layer.json", "out"]) == 1
    message = capsys.readouterr().err
    assert "the bytecode of target deploy:layer is for Python 3.2, but this is 3." in message
    assert "Correct the interpreter constraints" in message
