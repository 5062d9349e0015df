from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from native_wheel_probes import Command, modules_of, without_probes

MODULES = frozenset({"answer.so"})
COMPILE = ["-Os", "-c", "tiny/answer.c", "-o", "build/./answer.o"]
LINK = ["-shared", "build/answer.o", "-o", "build/lib/tiny/answer.so"]


@pytest.fixture(autouse=True)
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "left.c").touch()
    (tmp_path / "left.o").touch()
    return tmp_path


def kept(*commands: list[str], directory: str = "") -> list[list[str]]:
    """What is left of commands that ran in `directory`."""
    inside = [Command(directory, words) for words in commands]
    return [command.words for command in without_probes(inside, MODULES)]


def test_what_is_in_the_wheel_counts() -> None:
    """Also where its files are gone."""
    assert kept(COMPILE, LINK) == [COMPILE, LINK]


@pytest.mark.parametrize(
    "probe",
    [
        ["-c", "/tmp/probe.c", "-o", "/tmp/probe.o"],
        ["-c", "/tmp/probe.c", "-o/tmp/probe.o"],
        ["-c", "probe.c"],
        # A source of the package that does not compile, and one that was compiled and removed.
        ["-c", "left.c", "-o", "none.o"],
        ["-c", "gone.c", "-o", "left.o"],
        ["-shared", "probe.o", "-o", "probe.so"],
    ],
)
def test_a_probe_does_not(probe: list[str]) -> None:
    assert kept(probe, COMPILE, LINK) == [COMPILE, LINK]


@pytest.mark.parametrize(
    "command",
    [
        ["-c", "left.c", "-o", "left.o"],
        ["-c", "left.c"],
        ["-shared", "gone.o", "-o", "left.o"],
        # It compiles nothing, and is nothing that flags are looked for in.
        ["--version"],
    ],
)
def test_what_is_left_counts(command: list[str]) -> None:
    assert kept(command, LINK) == [command, LINK]


@pytest.mark.parametrize("words", [["-c", "x.c", "-o", "x.o"], ["-c", "x.c"]])
def test_what_is_left_in_another_directory_counts(words: list[str], source: Path) -> None:
    """As of a Makefile in a subdirectory: the words are relative to that."""
    vendor = source / "vendor"
    vendor.mkdir()
    (vendor / "x.c").touch()
    (vendor / "x.o").touch()
    assert kept(words, directory=str(vendor)) == [words]
    assert kept(words, directory=str(source)) == []


def test_what_is_linked_from_another_directory_counts(source: Path) -> None:
    compiled = Command(str(source / "vendor"), ["-c", "gone.c", "-o", "gone.o"])
    link = Command(str(source), ["-shared", "vendor/gone.o", "-o", "lib/answer.so"])
    assert without_probes([compiled, link], MODULES) == [compiled, link]


def test_the_modules_of_a_wheel(source: Path) -> None:
    wheel = source / "tiny-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name in ("tiny/__init__.py", "tiny/answer.so", "other.cpython-312.so"):
            archive.writestr(name, "")
    assert modules_of(wheel) == {"answer.so", "other.cpython-312.so"}
