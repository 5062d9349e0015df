"""``about``: what is installed and how it is configured. Writes nothing, connects to nothing."""

from __future__ import annotations

import json
from typing import Any

import click

from fastapp.cli.logo import LOGO
from fastapp.cli.report import SUMMARY, collect


@click.command("about")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def about(as_json: bool) -> None:
    """Show versions, settings, apps and databases."""
    report = collect()
    if as_json:
        click.echo(json.dumps(report, indent=2, ensure_ascii=False))
        return
    click.echo("\n".join(render(report)))


def render(report: dict[str, Any]) -> list[str]:
    """The report as lines for people."""
    framework, python = report["framework"], report["python"]
    lines = [LOGO, ""]
    lines += _section(
        f"{framework['name']} ({framework['package']}) {framework['version']}",
        {
            "Python": f"{python['version']} ({python['implementation']}, {python['platform']})",
            **{label: found or "not installed" for label, found in report["packages"].items()},
            "Driver": report["asyncmy"]["description"],
        },
    )
    lines += _section("Settings", {name: _show(report["settings"][name]) for name in SUMMARY})
    apps = {
        app["label"]: f"{app['name']}  prefix {app['prefix']}  port {app['port']}"
        for app in report["apps"]
    }
    lines += _section("Apps", apps or {"none": "put packages into apps/ or set QK_INSTALLED_APPS"})
    databases = {item["alias"]: _database(item) for item in report["databases"]}
    lines += _section("Databases", databases)
    lines += [f"WARNING: {text}" for text in report["warnings"]]
    return lines


def _section(title: str, rows: dict[str, str]) -> list[str]:
    width = max(len(name) for name in rows)
    return [title, *(f"  {name.ljust(width)}  {text}" for name, text in rows.items()), ""]


def _show(value: object) -> str:
    if value in (None, "", []):
        return "(not set)"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _database(item: dict[str, Any]) -> str:
    user = f"  user {item['user']}" if item["user"] else ""
    secret = f"  password {item['password']}" if item["password"] else ""
    return f"{item['engine']}  {item['address']}{user}{secret}"
