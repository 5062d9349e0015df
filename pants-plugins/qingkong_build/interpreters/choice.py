"""Which of the interpreters of a machine fits constraints."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints


class InterpreterNotFoundError(Exception):
    """Which constraints no interpreter fits, where it was searched, and what was found."""


@dataclass(frozen=True)
class Interpreter:
    """`path` is that of the binary itself, `fingerprint` its sha256.

    `version` has three numbers, as pex compares them: 3.14.0rc1 is 3.14.0.
    """

    path: str
    implementation: str
    version: str
    fingerprint: str

    def fits(self, constraints: InterpreterConstraints) -> bool:
        """Whether one of the constraints has its implementation and version.

        With no constraints, every interpreter fits.
        """
        return not constraints or any(
            each.project_name == self.implementation and self.version in each
            for each in constraints
        )

    @property
    def release(self) -> tuple[int, ...]:
        return tuple(map(int, self.version.split(".")))


def choose(
    interpreters: Iterable[Interpreter],
    constraints: InterpreterConstraints,
    search_path: Iterable[str],
) -> Interpreter:
    """The newest patch release of the oldest minor version that fits, as pex has it.

    Raises:
        InterpreterNotFoundError: no interpreter fits.
    """
    known = tuple(interpreters)
    fitting = [each for each in known if each.fits(constraints)]
    if not fitting:
        listed = ", ".join(f"{x.implementation} {x.version} ({x.path})" for x in known) or "none"
        raise InterpreterNotFoundError(
            f"finding an interpreter for {constraints}: [python-bootstrap].search_path="
            f"{list(search_path)}: none of those found fits: {listed}. Fix: install one that does, "
            "or add the directory that has it to the search path."
        )
    oldest = min(each.release[:2] for each in fitting)
    # The first of equals: the order of the search path counts.
    return max(
        (each for each in fitting if each.release[:2] == oldest),
        key=lambda each: each.release,
    )
