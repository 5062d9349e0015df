from __future__ import annotations

import subprocess
from pathlib import Path

import native_wheel_patch
import pytest

OLD = "".join(f"line {number}\n" for number in range(1, 21))
HEADER = "--- a/src/x.c\n+++ b/src/x.c\n"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    tree = tmp_path / "tree"
    (tree / "src").mkdir(parents=True)
    (tree / "src/x.c").write_text(OLD)
    return tree


def refusal(patch: str | bytes, source: Path) -> str:
    """The error of a patch that must be refused, and must have changed nothing."""
    before = {path: path.read_bytes() for path in source.rglob("*") if path.is_file()}
    with pytest.raises(native_wheel_patch.PatchError) as error:
        native_wheel_patch.apply(patch.encode() if isinstance(patch, str) else patch, source)
    assert {p: p.read_bytes() for p in source.rglob("*") if p.is_file()} == before
    return str(error.value)


@pytest.mark.parametrize(
    "new",
    [
        OLD.replace("line 2\n", "second\n"),
        OLD.replace("line 2\n", "").replace("line 19\n", "line 19\nmore\n\nand more\n"),
        f"first\n{OLD}last\n",
        OLD.replace("line 20\n", "line 20"),
        OLD.replace("line 20\n", "no newline at the end"),
        OLD.replace("line 7\n", "form\ffeed\x0b and \x1c\rreturns\r\n"),
        "",
        "-- a line that looks like a header\n" + OLD,
    ],
)
def test_what_diff_writes(new: str, source: Path, tmp_path: Path) -> None:
    for name, text in (("a", OLD), ("b", new)):
        (tmp_path / name / "src").mkdir(parents=True)
        (tmp_path / name / "src/x.c").write_bytes(text.encode())
    diff = subprocess.run(
        ["diff", "-u", "--text", "a/src/x.c", "b/src/x.c"],
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert diff.returncode == 1
    assert native_wheel_patch.apply(diff.stdout, source) == ["src/x.c"]
    assert (source / "src/x.c").read_bytes() == new.encode()


def test_create_delete_and_change_twice(source: Path) -> None:
    (source / "gone").write_text("a\n")
    patch = (
        "From: somebody\n\n"
        "diff --git a/new/y.c b/new/y.c\nnew file mode 100644\n"
        "--- /dev/null\n+++ b/new/y.c\n@@ -0,0 +1,2 @@\n+one\n+two\n"
        "--- a/gone\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n"
        "--- a/new/y.c\n+++ b/new/y.c\n@@ -1,2 +1,2 @@\n one\n-two\n+2\n"
        "-- \n2.39.0\n"
    )
    assert native_wheel_patch.apply(patch.encode(), source) == ["new/y.c", "gone"]
    assert (source / "new/y.c").read_text() == "one\n2\n"
    assert not (source / "gone").exists()


def test_no_offset(source: Path) -> None:
    patch = f"{HEADER}@@ -3,2 +3,2 @@\n line 4\n-line 5\n+five\n"
    assert refusal(patch, source) == (
        "hunk 1, `@@ -3,2 +3,2 @@`, does not apply to 'src/x.c': line 3 should be 'line 4', but "
        "'line 3' is there"
    )


def test_no_fuzz_and_nothing_of_a_patch_that_fits_in_part(source: Path) -> None:
    patch = (
        f"{HEADER}@@ -1,2 +1,2 @@\n-line 1\n+one\n line 2\n"
        "@@ -9,3 +9,3 @@\n line  9\n-line 10\n+ten\n line 11\n"
    )
    message = refusal(patch, source)
    assert "hunk 2, `@@ -9,3 +9,3 @@`" in message
    assert "line 9 should be 'line  9', but 'line 9' is there" in message


@pytest.mark.parametrize(
    ("patch", "expected"),
    [
        ("", "it holds no hunk"),
        ("words\n", "it holds no hunk"),
        (f"{HEADER}@@ -20,2 +20,1 @@\n line 20\n-line 21\n", "but the file ends"),
        (f"{HEADER}@@ -40,0 +41 @@\n+x\n", "which has 20 lines"),
        (f"{HEADER}@@ -1,2 +1,2 @@\n line 1\n", "announces 2 old and 2 new lines, but has 1 and 1"),
        (f"{HEADER}@@ one @@\n", "hunk 1 has a malformed header '@@ one @@'"),
        ("@@ -1 +1 @@\n-a\n+b\n", "comes before any file"),
        (
            f"{HEADER}@@ -5 +5 @@\n-line 5\n+5\n@@ -2 +2 @@\n-line 2\n+2\n",
            "hunk 2, `@@ -2 +2 @@`, overlaps",
        ),
        ("--- a/y\n+++ b/y\n@@ -1 +1 @@\n-a\n+b\n", "changes 'y', which does not exist"),
        ("--- /dev/null\n+++ b/src/x.c\n@@ -0,0 +1 @@\n+b\n", "creates 'src/x.c', which exists"),
        ("--- a/src/x.c\n+++ /dev/null\n@@ -1 +0,0 @@\n-line 1\n", "but leaves 19 lines of it"),
        ("--- a/src/x.c\n+++ b/y.c\n@@ -1 +1 @@\n-line 1\n+b\n", "renames 'src/x.c' to 'y.c'"),
        ("rename from src/x.c\nrename to y\n", "line 1, 'rename from src/x.c'"),
        ("--- a/../../x\n+++ b/../../x\n@@ -1 +1 @@\n-a\n+b\n", "it names 'a/../../x'"),
        ("--- /etc/x\n+++ /etc/x\n@@ -1 +1 @@\n-a\n+b\n", "it names '/etc/x'"),
        ("--- x.c\n+++ x.c\n@@ -1 +1 @@\n-a\n+b\n", "paths have the form `a/setup.py`"),
        ("--- /dev/null\n+++ /dev/null\n@@ -1 +1 @@\n-a\n+b\n", "line 1 names no file"),
    ],
)
def test_refusals(patch: str, expected: str, source: Path) -> None:
    assert expected in refusal(patch, source)


def test_no_way_out_through_a_link(source: Path, tmp_path: Path) -> None:
    (source / "out").symlink_to(tmp_path)
    patch = "--- /dev/null\n+++ b/out/y\n@@ -0,0 +1 @@\n+b\n"
    assert "'out/y' leads outside the source distribution" in refusal(patch, source)
    assert not (tmp_path / "y").exists()
