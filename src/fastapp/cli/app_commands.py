"""Commands that apps add: every click command in ``<app>/commands.py``."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import ast


def load_app_commands() -> dict[str, click.Command]:
    """The commands of all installed apps by name.

    Raises:
        ImproperlyConfigured: the settings are wrong, or two apps have commands of one name.
        AppLoadError: a commands module fails to import.
    """
    from fastapp.apps import apps
    from fastapp.exceptions import ImproperlyConfigured

    apps.populate()
    found: dict[str, click.Command] = {}
    owners: dict[str, str] = {}
    for config in apps:
        module = config.import_module("commands")
        values: dict[str, Any] = {} if module is None else vars(module)
        for command in values.values():
            if not isinstance(command, click.Command) or command.name is None:
                continue
            owner = owners.setdefault(command.name, config.label)
            if owner != config.label:
                raise ImproperlyConfigured(
                    f"apps {owner!r} and {config.label!r} both have a command {command.name!r}. "
                    "Fix: rename one of them in its commands.py."
                )
            found[command.name] = command
    return found


def scan_app_commands(base_dir: Path) -> dict[str, str]:
    """Names and apps of the commands in the project's ``apps`` folder, read without importing.

    For ``--help``, which must stay quick: loading the settings and the modules of all apps takes
    many times longer than the rest of it. Finds functions decorated with ``command``, of the apps
    that QK_INSTALLED_APPS names or, without it, of all.
    """
    from fastapp.apps.discovery import discover_apps

    given = os.environ.get("QK_INSTALLED_APPS")
    chosen = None if given is None else re.findall(r"[\w.]+", given)
    found: dict[str, str] = {}
    for name in discover_apps(base_dir):
        if chosen is not None and name not in chosen:
            continue
        file = base_dir.joinpath(*name.split("."), "commands.py")
        try:
            source = file.read_bytes()
        except OSError:
            continue
        found.update(dict.fromkeys(_command_names(source), name))
    return found


def _command_names(source: bytes) -> list[str]:
    import ast

    try:
        tree = ast.parse(source)
    except SyntaxError:
        return []
    return [name for name in map(_command_name, tree.body) if name]


def _command_name(node: ast.stmt) -> str | None:
    import ast

    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return None
    for decorator in node.decorator_list:
        call = decorator if isinstance(decorator, ast.Call) else None
        target = decorator if call is None else call.func
        if not (isinstance(target, ast.Attribute | ast.Name)):
            continue
        if (target.attr if isinstance(target, ast.Attribute) else target.id) != "command":
            continue
        for argument in call.args[:1] if call else []:
            if isinstance(argument, ast.Constant):
                return str(argument.value)
        return node.name.removesuffix("_command").replace("_", "-")
    return None
