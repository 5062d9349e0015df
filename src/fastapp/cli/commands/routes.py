"""``routes``: every route of the application."""

from __future__ import annotations

import json

import click


@click.command("routes")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list.")
def routes(as_json: bool) -> None:
    """List every route: methods, path, name, view."""
    from fastapp.asgi.application import build_application
    from fastapp.urls.listing import list_routes

    found = list(list_routes(build_application().routes))
    if as_json:
        rows = [
            {"methods": list(row.methods), "path": row.path, "name": row.name, "view": row.view}
            for row in found
        ]
        click.echo(json.dumps(rows, indent=2))
        return
    table = [(",".join(row.methods), row.path, row.name or "-", row.view) for row in found]
    widths = [max(len(row[column]) for row in table) for column in range(3)]
    for row in table:
        cells = [row[column].ljust(widths[column]) for column in range(3)]
        click.echo("  ".join([*cells, row[3]]))
