"""``upgrade-notes``: what a project of the earlier framework has to change."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("upgrade-notes")
@click.argument(
    "directory",
    required=False,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
)
def upgrade_notes(directory: Path | None) -> int:
    """List what a project of the earlier framework has to change.

    Reads the Python files, scripts and Dockerfiles in DIRECTORY, or in the current folder, and
    imports none of them. Old imports, fields, settings, commands and options are listed with what
    to write instead; docs/moving-over.md has the same tables.

    Exits with 1 when there is something to change.
    """
    from fastapp.upgrade.scanning import scan_project

    folder = Path.cwd() if directory is None else directory
    notes = scan_project(folder)
    for note in notes:
        click.echo(str(note))
    click.echo(f"{len(notes)} thing(s) to change in {folder}." if notes else "Nothing to change.")
    return 1 if notes else 0
