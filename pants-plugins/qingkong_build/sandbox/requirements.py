"""Where the requirements of scripts come from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from pants.backend.python.subsystems.python_tool_base import PythonToolRequirementsBase
from pants.backend.python.subsystems.setup import PythonSetup
from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.backend.python.util_rules.pex_requirements import EntireLockfile, PexRequirements
from pants.option.errors import OptionsError


class ScriptRequirements(PythonToolRequirementsBase):
    """Options of a plugin whose scripts import more than the standard library.

    What is installed comes from a resolve of the repository and from nowhere else.

    Attributes:
        projects: what the scripts import, as `requirements` names them.
        resolve: what a repository may call the resolve that has them, for the error.
    """

    projects: ClassVar[tuple[str, ...]]
    resolve: ClassVar[str]

    # Pants wants a lockfile to fall back on all the same. There is none of this name.
    default_lockfile_resource = ("qingkong_build.sandbox", "none.lock")

    def python(self, python_setup: PythonSetup) -> InterpreterConstraints:
        """Which interpreters `to_pex_request` installs for."""
        if self.register_interpreter_constraints and not self.options.is_default(
            "interpreter_constraints"
        ):
            return self.interpreter_constraints
        return InterpreterConstraints(
            python_setup.resolves_to_interpreter_constraints.get(
                self.install_from_resolve or "", python_setup.interpreter_constraints
            )
        )

    def pex_requirements(
        self, *, extra_requirements: Iterable[str] = ()
    ) -> PexRequirements | EntireLockfile:
        if not self.install_from_resolve:
            names = ", ".join(self.projects)
            raise OptionsError(
                f"[{self.options_scope}].install_from_resolve is not set, so there is no lockfile "
                f"to install {names} from. Name the resolve that has what is needed, e.g. "
                f"install_from_resolve = {self.resolve!r} and requirements = {list(self.projects)}."
            )
        return super().pex_requirements(extra_requirements=extra_requirements)
