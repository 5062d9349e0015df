"""``generate-typescript``: types of the API for a front end."""

from __future__ import annotations

from pathlib import Path

import click

from fastapp.cli.output import emit


@click.command("generate-typescript")
@click.option("--app", "labels", multiple=True, metavar="APP", help="Only this app; repeatable.")
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to write; printed unless told.",
)
@click.option("--client/--types-only", default=True, help="With a small client on fetch, or not.")
@click.option(
    "--check", is_flag=True, help="Write nothing; exit with 1 when the file is not current."
)
def generate_typescript(
    labels: tuple[str, ...], output: Path | None, client: bool, check: bool
) -> int:
    """Write TypeScript types, and a client, of the API."""
    from fastapp.cli.commands.openapi import document_of
    from fastapp.cli.typescript import generate

    if check and output is None:
        raise click.UsageError("--check needs --output. Fix: name the file to look at with it.")
    text = generate(document_of(labels), client=client)
    if not check or output is None:
        emit(text, output)
        return 0
    if output.is_file() and output.read_text(encoding="utf-8") == text:
        click.echo(f"{output} is current.")
        return 0
    click.echo(f"{output} is not current: run generate-typescript --output {output}", err=True)
    return 1
