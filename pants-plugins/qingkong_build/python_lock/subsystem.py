"""The `[production-closure]` options: what may ship, and what is for development only."""

from __future__ import annotations

from collections.abc import Iterable

from pants.backend.python.subsystems.setup import PythonSetup
from pants.engine.rules import collect_rules
from pants.option.option_types import StrListOption
from pants.option.subsystem import Subsystem
from pants.util.strutil import help_text, softwrap


class ProductionClosureSubsystem(Subsystem):
    options_scope = "production-closure"
    help = help_text(
        """
        Keeps development requirements out of what ships: image layers, and images that are built
        from them.
        """
    )

    resolves = StrListOption(
        help=softwrap(
            """
            The resolves that may ship. A layer or an image that depends on a target of any other
            resolve is refused, with the path by which it does. Empty: nothing is checked.
            """
        ),
    )
    development_resolves = StrListOption(
        help=softwrap(
            """
            The resolves that extend those that ship with tools. A project that is declared for one
            of these alone is refused in the lockfile of a layer, even where another requirement
            brings it.
            """
        ),
    )

    def shipped(self, python_setup: PythonSetup) -> tuple[str, ...]:
        """The resolves that ship: what is named, or the one of code that names none."""
        return tuple(self.resolves) or (python_setup.default_resolve,)


def rules() -> Iterable[object]:
    return collect_rules()
