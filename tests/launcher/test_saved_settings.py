"""What one start keeps for the next is data: it is compared whole, and nothing of it is run."""

from __future__ import annotations

import random
import stat
from pathlib import Path

import pytest

from launcher.machines import Machine

PASSWORD = "correct-horse-battery"


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    """Exists when a text of a configuration was run as a command."""
    return tmp_path / "canary"


@pytest.fixture
def configured(ready: Machine, tmp_path: Path, canary: Path) -> tuple[Machine, Path]:
    """A machine whose user has a pip configuration, with lines that a shell would run."""
    home = tmp_path / "home-of-a-user"
    (home / ".cache").mkdir(parents=True)
    (home / ".cache" / "qingkong-build").symlink_to(ready.state)
    file = home / ".config" / "pip" / "pip.conf"
    file.parent.mkdir(parents=True)
    url = ready.environment["PIP_INDEX_URL"].replace("//", f"//someone:{PASSWORD}@")
    file.write_text(
        f"[global]\nindex-url = {url}\n"
        f"# $(touch '{canary}') `touch '{canary}'`\n"
        f"touch '{canary}' = 1\n"
        f"timeout = 20\n; touch '{canary}'\n"
        f"[install]\nretries = 1\n"
    )
    environment = {
        name: value
        for name, value in ready.environment.items()
        if name not in ("PIP_INDEX_URL", "PIP_CONFIG_FILE")
    }
    # The machine's own files are read too: they must not matter to what is compared here.
    environment.update(HOME=str(home), PIP_NO_INDEX="", XDG_CONFIG_DIRS=str(tmp_path))
    return Machine(ready.root, environment), file


def edits(text: str, canary: Path, count: int) -> list[str | None]:
    """Texts that differ from `text` by what an editor does. None: the file is deleted."""
    choose = random.Random(9)
    found: list[str | None] = [
        None,
        "",
        *("".join(text.splitlines(keepends=True)[:-last]) for last in (1, 2, 3)),
    ]
    while len(found) < count:
        lines = text.splitlines(keepends=True)
        for _ in range(choose.randint(1, 3)):
            place = choose.randrange(len(lines) + 1)
            match choose.randrange(5):
                case 0:
                    lines = lines[:place]
                case 1:
                    lines.insert(place, f"#'; touch '{canary}'; '\n")
                case 2 if lines[place : place + 1]:
                    lines[place] = lines[place][: choose.randrange(len(lines[place]) + 1)]
                case 3:
                    lines[place : place + 1] = []
                case _:
                    lines.insert(place, f"# set launcher_client={canary}\n")
        found.append("".join(lines))
    return found


def test_no_edit_of_a_configuration_is_run_or_missed(
    configured: tuple[Machine, Path], canary: Path
) -> None:
    machine, file = configured
    text = file.read_text()
    assert machine.start("list").code == 0
    saved = machine.saved_settings.read_bytes()
    for edited in edits(text, canary, 18):
        # As after a start with the text before the edit.
        machine.saved_settings.write_bytes(saved)
        if edited is None:
            file.unlink()
        else:
            file.write_text(edited)
        kept = machine.start("list")
        machine.saved_settings.unlink(missing_ok=True)
        fresh = machine.start("list")
        assert not canary.exists(), edited
        assert PASSWORD not in kept.stdout + kept.stderr + fresh.stderr, edited
        # The same as of a start that has nothing to go by, be it settings or an error.
        assert kept.code == fresh.code, edited
        if kept.code == 0:
            assert kept.settings == fresh.settings, edited


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pants.toml", "[GLOBAL]\n# touch x\n"),
        ("build-support/bootstrap/tools.requirements.txt", "# touch x\n"),
        ("build-support/bootstrap/lib.sh", "# a comment\n"),
    ],
)
def test_a_file_of_the_repository_that_is_cut_is_noticed(
    ready: Machine, name: str, text: str
) -> None:
    file = ready.root / name
    content = file.read_text()
    file.write_text(content + text)
    assert ready.start("list").code == 0
    file.write_text(content)
    again = ready.start("list")
    assert "using what is set up" in again.stderr
    assert ready.start("list").stderr == ""


def test_settings_that_are_damaged_are_made_again(ready: Machine, canary: Path) -> None:
    good = ready.start("list").settings
    content = ready.saved_settings.read_bytes()
    place = content.index(b"set launcher_client=")
    for damaged in (
        content[: len(content) // 2],
        content[:-4],
        content[:place] + f"touch '{canary}'\0".encode() + content[place:],
        content[:place] + b"set PATH=/nowhere\0" + content[place:],
        content.replace(b"export PANTS_PYTHON", f"export A[$(touch '{canary}')]".encode()),
        b"",
    ):
        ready.saved_settings.write_bytes(damaged)
        outcome = ready.start("list")
        ours = {n: v for n, v in outcome.settings.items() if n.startswith("PANTS_")}
        if b"export A[" not in damaged:
            assert ours == {n: v for n, v in good.items() if n.startswith("PANTS_")}
        assert not canary.exists()


def test_only_their_owner_can_read_them(ready: Machine) -> None:
    ready.start("list")
    assert stat.S_IMODE(ready.saved_settings.stat().st_mode) == 0o600
    assert stat.S_IMODE(ready.saved_settings.parent.stat().st_mode) == 0o700
