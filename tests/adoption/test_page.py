"""All commands of docs/adopt.md are run."""

from __future__ import annotations

from pathlib import Path

from adoption.conftest import PAGE
from pages import read_sections


def test_every_command_is_run() -> None:
    """Each section with commands is named by a test beside this one, which runs all of it."""
    with_commands = {title for title, section in read_sections(PAGE).items() if section.commands}
    beside = [path for path in Path(__file__).parent.glob("*.py") if path != Path(__file__)]
    run = "".join(path.read_text(encoding="utf-8") for path in sorted(beside))
    assert {title for title in with_commands if f'"{title}"' in run} == with_commands
    assert with_commands
