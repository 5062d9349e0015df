"""What a target declares is all that it is built from: without any other file it is the same."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest
from incremental.conftest import TARGET, on_base
from incremental.layouts import Layout, differences

from measuring.clone import Clone, clone

#: What builds, as opposed to what is built from: `pants.toml` names it, and no target.
_MACHINERY = (
    "pants",
    ".pants.bootstrap",
    "pants.toml",
    "build-support/bootstrap/*",
    "build-support/prelude/*",
    "build-support/setup/*",
    "pants-plugins/*",
    # The tool that makes layers.
    "3rdparty/tools/BUILD",
    "3rdparty/tools/image-layer.txt",
    "3rdparty/image-layer.lock",
)
#: Has to exist, as Pants reads the targets beside those that are built: emptied, not removed.
_READ_BY_ALL = "3rdparty/*/*.txt"


@pytest.fixture
def bare(tmp_path: Path, base: str) -> Iterator[Clone]:
    """A clone to take files away from."""
    made = on_base(clone(Path.cwd(), tmp_path / "clone"), base)
    # Targets beside those that are built lose files.
    made.variables["PANTS_UNMATCHED_BUILD_FILE_GLOBS"] = "warn"
    try:
        yield made
    finally:
        made.stop()


def take_away(root: Path, declared: set[str]) -> list[str]:
    """Remove each file that neither is declared nor builds; what that was."""
    removed = []
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        is_source = path.is_file() and not name.startswith(
            (".cache/", ".git/", ".pants.d/", ".pids/")
        )
        # BUILD files have the defaults of those below them.
        is_above = path.name == "BUILD" and any(
            file.startswith(f"{path.parent.relative_to(root).as_posix()}/".removeprefix("./"))
            for file in declared
        )
        is_machinery = any(fnmatch(name, pattern) for pattern in _MACHINERY)
        if is_source and not (name in declared or is_above or is_machinery):
            if fnmatch(name, _READ_BY_ALL):
                path.write_bytes(b"")
            else:
                path.unlink()
            removed.append(name)
    return removed


def test_no_other_file_has_a_say(bare: Clone, built: Layout) -> None:
    declared = set(bare.pants("filedeps", "--transitive", TARGET).output.splitlines())
    removed = take_away(bare.root, declared)
    for taken, kept in (
        ("src/apps/", "src/fastapp/"),
        ("3rdparty/dev.lock", "3rdparty/prod.lock"),
        ("deploy/base/", "deploy/BUILD"),
    ):
        assert any(name.startswith(taken) for name in removed)
        assert any(name.startswith(kept) for name in declared)
    bare.pants("package", TARGET)
    assert differences(built, Layout.read(bare.root)) == ""
    assert Layout.read(bare.root).manifest == built.manifest
