"""A start of Pants without the rules of its build server for editors, `experimental-bsp`.

Pants computes at each start which rule can call which others, and in which context. The rules of
the build server call nearly all others in contexts of their own: they take half of that time.
"""

from __future__ import annotations

import dataclasses
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pants.build_graph.build_configuration import BuildConfiguration

_GOAL = "experimental-bsp"


def _types(rule: Any) -> tuple[Any, ...]:
    """What tells where a rule comes from: its function, or the types that it is about."""
    names = ("func", "union_base", "union_member", "output_type")
    return tuple(getattr(rule, name) for name in names if hasattr(rule, name))


def _is_of_build_server(rule: Any) -> bool:
    return any("bsp" in each.__module__.split(".") for each in _types(rule))


def _without(rules: Any) -> Any:
    """The same dictionary, whose keys are rules, but for these."""
    kept = {rule: by for rule, by in rules.items() if not _is_of_build_server(rule)}
    return type(rules)(kept)


def leave_out_build_server() -> None:
    from pants.bsp.goal import BSPGoal
    from pants.build_graph.build_configuration import BuildConfiguration as Configuration

    create: Any = Configuration.Builder.create

    def create_smaller(self: Any) -> BuildConfiguration:
        configuration: BuildConfiguration = create(self)
        return dataclasses.replace(
            configuration,
            rule_to_providers=_without(configuration.rule_to_providers),
            union_rule_to_providers=_without(configuration.union_rule_to_providers),
        )

    def refuse(*_: object, **__: object) -> int:
        # Not by an exit: of one in the daemon, the client gets the code and no words.
        print(
            "./pants: the build server for editors is left out, so that Pants starts "
            "sooner\n"
            "  where: the command line\n"
            f"  value: {_GOAL}\n"
            f"  fix:   QINGKONG_PANTS_PATCHES=off ./pants --no-pantsd {_GOAL}",
            file=sys.stderr,
        )
        return 1

    Configuration.Builder.create = create_smaller  # type: ignore[method-assign]
    BSPGoal.run = refuse  # type: ignore[method-assign]
