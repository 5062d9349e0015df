"""``openapi``: the document that describes every endpoint."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from fastapp.cli.output import check_labels, emit


@click.command("openapi")
@click.option("--app", "labels", multiple=True, metavar="APP", help="Only this app; repeatable.")
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to write; printed unless told.",
)
def openapi(labels: tuple[str, ...], output: Path | None) -> None:
    """Write the OpenAPI document of all apps, or of some."""
    emit(json.dumps(document_of(labels), indent=2, ensure_ascii=False) + "\n", output)


def document_of(labels: tuple[str, ...]) -> dict[str, Any]:
    """The merged document of these apps; of all when there are none."""
    from fastapp.asgi.application import build_application
    from fastapp.asgi.openapi import openapi_document

    check_labels(labels)
    return openapi_document(build_application(labels or None))
