"""Where the stand-in's packages come from: this machine's apt sources, in either form."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = "deploy/base/apt_sources.py"
DEB822 = """\
# Made by an installer.
Types: deb deb-src
# http://commented.example/debian
URIs: http://mirror.example/debian
 http://second.example/debian
Suites: {suite} {suite}-updates {suite}-backports
Components: main contrib
Signed-By: /usr/share/keyrings/own.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: {suite}-security
Components: main

Types: deb
URIs: http://disabled.example/debian
Suites: {suite}
Components: main
Enabled: no
"""
ONE_LINE = """\
# deb http://commented.example/debian {suite} main
deb-src http://sources.example/debian {suite} main
deb [arch=amd64 signed-by=/usr/share/keyrings/own.gpg] http://mirror.example/debian {suite} main
deb http://mirror.example/debian {suite}-updates main non-free-firmware # ours
deb http://mirror.example/debian-security {suite}-security main
deb http://other.example/tools stable main
"""
MIRROR = "http://mirror.example/debian"


def sources(etc: Path, machine: str = "bookworm") -> tuple[int, list[str]]:
    result = subprocess.run(
        [
            *(sys.executable, "-I", SCRIPT),
            *("--etc-apt", str(etc), "--machine", machine, "--suite", "bookworm"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.stderr == ""
    return result.returncode, result.stdout.splitlines()


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    (tmp_path / "sources.list.d").mkdir()
    return tmp_path


@pytest.mark.parametrize("suite", ["bookworm", "trixie"])
def test_deb822(etc: Path, suite: str) -> None:
    (etc / "sources.list.d/debian.sources").write_text(DEB822.format(suite=suite))
    assert sources(etc, suite) == (
        0,
        [
            f"{MIRROR} bookworm main /usr/share/keyrings/own.gpg",
            f"{MIRROR} bookworm-updates main /usr/share/keyrings/own.gpg",
            f"{MIRROR}-security bookworm-security main -",
        ],
    )


@pytest.mark.parametrize("file", ["sources.list", "sources.list.d/debian.list"])
@pytest.mark.parametrize("suite", ["bookworm", "trixie"])
def test_one_line(etc: Path, file: str, suite: str) -> None:
    (etc / file).write_text(ONE_LINE.format(suite=suite))
    assert sources(etc, suite) == (
        0,
        [
            f"{MIRROR} bookworm main /usr/share/keyrings/own.gpg",
            f"{MIRROR} bookworm-updates main -",
            f"{MIRROR}-security bookworm-security main -",
        ],
    )


def test_a_list_of_mirrors_gives_its_first(etc: Path) -> None:
    listing = etc / "debian.list"
    listing.write_text(
        f"# nearest first\n{MIRROR}\thttp.priority:1\nhttp://second.example/debian\n"
    )
    (etc / "sources.list").write_text(f"deb mirror+file:{listing} bookworm main\n")
    assert sources(etc) == (0, [f"{MIRROR} bookworm main -"])


def test_a_key_written_into_the_source_is_not_taken_for_a_file(etc: Path) -> None:
    (etc / "sources.list.d/debian.sources").write_text(
        f"Types: deb\nURIs: {MIRROR}\nSuites: bookworm\nComponents: main\n"
        "Signed-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQINB\n"
    )
    assert sources(etc) == (0, [f"{MIRROR} bookworm main -"])


@pytest.mark.parametrize("text", ["", "deb http://mirror.example/ubuntu noble main universe\n"])
def test_a_machine_without_debian_sources_is_an_error(etc: Path, text: str) -> None:
    (etc / "sources.list").write_text(text)
    assert sources(etc, "none") == (1, [])
