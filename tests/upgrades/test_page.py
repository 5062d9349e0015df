"""The commands of docs/upgrades.md that need no build, and that none is left out."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from pages import read_sections

SECTIONS = read_sections(Path("docs/upgrades.md"))
#: What `make image` and `./pants test ::` run, in CI and elsewhere.
RUN_BY_CI = {
    "The driver": ["./pants package 3rdparty/asyncmy:wheel"],
    "The base image": ["./pants package deploy:oci", "./pants test deploy:policy"],
}
#: Changes lists of the launcher, whose program has tests of its own; `make upgrade` is run as well.
LISTS = ["python3.9 build-support/bootstrap/lock.py", "make upgrade"]
CACHES = "Caches and disk space"


@pytest.fixture
def machine(tmp_path: Path) -> dict[str, Path]:
    """A machine with caches; what is to be kept has other content."""
    home, repository = tmp_path / "home", tmp_path / "repository"
    script = Path("build-support/setup/caches.sh")
    (repository / script.parent).mkdir(parents=True)
    shutil.copy2(script, repository / script)
    for place in (
        *(home / ".cache/pants/lmdb_store", home / ".cache/pants/named_caches/pex_root"),
        *(home / ".cache/pex", home / ".cache/qingkong-build/cache-server", home / ".cache/pip"),
        *(repository / "dist", repository / ".cache"),
    ):
        place.mkdir(parents=True)
        (place / "content").write_bytes(b"x" * 200_000)
    return {"home": home, "repository": repository}


def shell(machine: dict[str, Path], commands: list[str]) -> str:
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join(commands)],
        cwd=machine["repository"],
        env={"HOME": str(machine["home"]), "PATH": os.environ.get("PATH", os.defpath)},
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def test_sizes_of_caches(machine: dict[str, Path]) -> None:
    show, _ = SECTIONS[CACHES].commands
    lines = shell(machine, show).splitlines()
    sizes = {line.split()[1]: line.split()[0] for line in lines}
    assert re.fullmatch(r"\d{3}K", sizes[f"{machine['home']}/.cache/pex"])
    assert sizes[f"{machine['repository']}/.pants.d"] == "none"


def test_removing_caches(machine: dict[str, Path]) -> None:
    daemon = subprocess.Popen(["sleep", "600"])
    try:
        pid = machine["repository"] / ".pids/abc/pantsd/pid"
        pid.parent.mkdir(parents=True)
        pid.write_text(str(daemon.pid), encoding="utf-8")
        _, remove = SECTIONS[CACHES].commands
        shell(machine, remove)
        assert daemon.wait(60) != 0
    finally:
        daemon.kill()
    left = {path.name for path in (machine["home"] / ".cache").iterdir()}
    assert left == {"qingkong-build", "pip"}
    assert (machine["home"] / ".cache/qingkong-build/cache-server/content").exists()
    assert not (machine["repository"] / "dist").exists()


def test_each_command_is_run() -> None:
    source = Path(__file__).with_name("test_upgrade.py").read_text(encoding="utf-8")
    followed = set(re.findall(r"reader\.follow\(\"([^\"]+)\"", source))
    with_commands = {title for title, section in SECTIONS.items() if section.commands}
    assert with_commands == followed | set(RUN_BY_CI) | {"Pants", CACHES}
    for title, commands in RUN_BY_CI.items():
        assert [line for block in SECTIONS[title].commands for line in block] == commands
    assert SECTIONS["Pants"].commands == [LISTS]


def test_every_link_of_the_page_leads_somewhere() -> None:
    text = Path("docs/upgrades.md").read_text(encoding="utf-8")
    titles = {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in SECTIONS}
    linked = set(re.findall(r"\]\(#([^)]+)\)", text))
    assert linked
    assert linked <= titles
