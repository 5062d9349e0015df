"""Where commands write what they make, and which apps they are about."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

import click

from fastapp.exceptions import CommandError


def emit(text: str, output: Path | None) -> None:
    """Print the text, or replace a file with it: wholly or not at all.

    Raises:
        CommandError: the file cannot be written.
    """
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{output.name}-", dir=output.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            mask = os.umask(0)
            os.umask(mask)
            # mkstemp lets no one else read.
            Path(temporary).chmod(0o666 & ~mask)
            Path(temporary).replace(output)
        except OSError:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as exc:
        raise CommandError(
            f"cannot write {output}: {exc.strerror or exc}. "
            "Fix: name a file in a folder that exists and can be written with --output."
        ) from exc


def check_labels(labels: Iterable[str]) -> None:
    """Refuse labels of apps that are not installed.

    Raises:
        UsageError: names the label and those there are.
    """
    from fastapp.apps import apps

    apps.populate()
    for label in labels:
        try:
            apps.get_app_config(label)
        except LookupError as exc:
            raise click.UsageError(str(exc)) from None
