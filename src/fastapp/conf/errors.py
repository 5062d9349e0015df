"""The text of what is wrong with settings: one line for each, with where it comes from."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Container, Iterable
from typing import TYPE_CHECKING, Any, Final

from fastapp.conf.masking import is_secret, mask
from fastapp.conf.sources import DOTENV_NAME, ENV_PREFIX, dotenv_names, values_only

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_settings import SettingsError

    from fastapp.conf.base import BaseSettings

#: INSTALLED_APPS is not made where another setting is wrong; only that one is worth a line.
_FOLLOWS: Final = "default_factory_not_called"
_LONGEST: Final = 80


def describe(
    error: ValidationError, settings_cls: type[BaseSettings], given: Container[str]
) -> str:
    """One line for each wrong setting: where it is, its name, the value, what was expected.

    Args:
        error: what Pydantic found.
        settings_cls: the class of the settings.
        given: names of the settings that are keyword arguments.
    """
    lines: dict[str, str] = {}
    for item in error.errors(include_url=False, include_context=False):
        if item["type"] == _FOLLOWS:
            continue
        text = item["msg"].removeprefix("Value error, ").replace("Input should be", "expected")
        path = [str(part) for part in item["loc"]]
        named = re.match(r"([A-Z][A-Z0-9_]*)((?:\['[^']*'\])*): ", text)
        if named:
            # The check is of a part of the setting, and says which.
            path = [named[1], *re.findall(r"'([^']*)'", named[2])]
            value, text = "", text[named.end() :]
        else:
            value = "" if is_secret(path[0]) else _shown(path[0], item.get("input"))
        origin = _origin(settings_cls, path, given)
        lines.setdefault(path[0], _line(*origin, value, text))
    return "\n".join(lines.values())


def describe_undecodable(error: SettingsError, settings_cls: type[BaseSettings]) -> str:
    """The line for a variable that is no JSON where JSON is needed."""
    found = re.search(r'"(\w+)"', str(error))
    name = found[1] if found else "?"
    text = "expected a JSON object, or one variable for each key with __ before it"
    return _line(*_origin(settings_cls, [name], ()), "", text)


def _line(place: str, name: str, value: str, why: str) -> str:
    return f"settings in {place}: {name}{value}: {why}. Fix: change {name} in {place}."


def _origin(
    settings_cls: type[BaseSettings], path: list[str], given: Container[str]
) -> tuple[str, str]:
    """Where a setting was given, and how it is written there."""
    plain = path[0] + "".join(f"[{part!r}]" for part in path[1:])
    if path[0] in given or values_only.get():
        return "the given values", plain
    for place, variables in (
        ("the environment", os.environ),
        (DOTENV_NAME, dotenv_names(settings_cls)),
    ):
        variable = _variable(path, variables)
        if variable:
            return place, variable
    file = getattr(sys.modules.get(settings_cls.__module__), "__file__", None)
    return str(file or settings_cls.__module__), plain


def _variable(path: list[str], variables: Iterable[str]) -> str | None:
    """The variable that gives the setting, or the part of it at ``path``."""
    names = set(variables)
    exact = [ENV_PREFIX + "__".join(path[:length]) for length in range(len(path), 0, -1)]
    for name in exact:
        if name in names:
            return name
    below = sorted(name for name in names if name.startswith(f"{exact[-1]}__"))
    return below[0] if below else None


def _shown(key: str, value: Any) -> str:
    if value is None or value == {}:
        return ""
    return f"={str(mask(key, value))[:_LONGEST]!r}"
