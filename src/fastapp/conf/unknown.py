"""Settings and variables that nothing reads: misspelt ones, and those whose part does not exist."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

from fastapp.conf.planned import PLANNED
from fastapp.conf.sources import DOTENV_NAME, ENV_PREFIX, dotenv_names

if TYPE_CHECKING:
    from fastapp.conf.base import BaseSettings

#: How alike two names are that one may be meant for the other. A project's own setting may well
#: resemble one of the framework's; a variable that nothing reads is always a mistake.
_ALIKE_OWN: Final = 0.86
_ALIKE_VARIABLE: Final = 0.6

logger = logging.getLogger("fastapp.settings")


@dataclass(frozen=True, slots=True)
class UnreadSetting:
    """A name that nothing reads.

    Attributes:
        name: as it is written.
        place: where it is written.
        problem: why nothing reads it.
        fix: what to do.
    """

    name: str
    place: str
    problem: str
    fix: str

    def __str__(self) -> str:
        return f"settings in {self.place}: {self.name}: {self.problem}. Fix: {self.fix}."


def unread_settings(settings: BaseSettings) -> list[UnreadSetting]:
    """Everything in the environment, ``.env`` and the settings class that nothing reads."""
    kind = type(settings)
    return [
        *_variables(settings, "the environment", os.environ),
        *_variables(settings, DOTENV_NAME, dotenv_names(kind)),
        *_fields(kind),
    ]


def warn_of_unread_settings(settings: BaseSettings) -> None:
    """One line in the log for each; servers call it when they start."""
    for item in settings.unread():
        logger.warning("%s", item)


def _variables(settings: BaseSettings, place: str, names: Iterable[str]) -> Iterator[UnreadSetting]:
    fields = settings.field_names()
    for name in sorted(names):
        # What a service requires, its own code reads.
        if not name.upper().startswith(ENV_PREFIX) or name in settings.REQUIRED_SETTINGS:
            continue
        field, delimiter, _ = name.removeprefix(ENV_PREFIX).partition("__")
        if not name.startswith(ENV_PREFIX) or field not in fields:
            yield _unknown(name, place, ENV_PREFIX, name[len(ENV_PREFIX) :], fields)
        elif delimiter and _takes_no_keys(settings, field):
            yield UnreadSetting(
                name, place, f"{field} takes no keys", f"set {ENV_PREFIX}{field} itself"
            )


def _takes_no_keys(settings: BaseSettings, field: str) -> bool:
    return isinstance(getattr(settings, field), str | int | float | bool | list | None)


def _unknown(
    name: str, place: str, prefix: str, written: str, fields: frozenset[str]
) -> UnreadSetting:
    upper = written.partition("__")[0].upper()
    if upper in PLANNED:
        return _planned(name, place, upper)
    near = get_close_matches(upper, sorted(fields), n=1, cutoff=_ALIKE_VARIABLE)
    fix = f"remove it; the nearest name is {prefix}{near[0]}" if near else "remove it"
    return UnreadSetting(name, place, "no setting has this name, and nothing reads it", fix)


def _fields(kind: type[Any]) -> Iterator[UnreadSetting]:
    """Fields of the project's class that look like the framework's, and are not."""
    from fastapp.conf.base import BaseSettings

    known = BaseSettings.field_names()
    for name in sorted(kind.field_names() - known):
        place = f"{kind.__module__}.{kind.__qualname__}"
        if name in PLANNED:
            yield _planned(name, place, name)
            continue
        near = get_close_matches(name, sorted(known), n=1, cutoff=_ALIKE_OWN)
        if near:
            yield UnreadSetting(
                name,
                place,
                "the framework has no setting of this name and does not read it",
                f"write {near[0]} if that is meant; a setting of your own is better called "
                f"something less alike",
            )


def _planned(name: str, place: str, setting: str) -> UnreadSetting:
    return UnreadSetting(
        name,
        place,
        f"nothing reads it: the framework has no {PLANNED[setting]} yet",
        "remove it, or read it in code of your own",
    )
