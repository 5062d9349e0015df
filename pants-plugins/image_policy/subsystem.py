"""The `[image-policies]` options: what the checks are installed from."""

from __future__ import annotations

from collections.abc import Iterable

from pants.backend.python.subsystems.python_tool_base import PythonToolRequirementsBase
from pants.backend.python.util_rules.pex_requirements import EntireLockfile, PexRequirements
from pants.engine.rules import collect_rules
from pants.option.errors import OptionsError
from pants.option.option_types import SkipOption


class ImagePolicy(PythonToolRequirementsBase):
    options_scope = "image-policies"
    name = "Image policy"
    help = "Tests of images by numbered rules (the `image_policy` target)."

    # What is installed comes from a resolve of the repository and from nowhere else: there is no
    # lockfile here to fall back on (Pants wants a name for one all the same).
    default_version = "detect-secrets>=1.5"
    default_lockfile_resource = ("image_policy", "none.lock")
    register_interpreter_constraints = True

    skip = SkipOption("test")

    def pex_requirements(
        self, *, extra_requirements: Iterable[str] = ()
    ) -> PexRequirements | EntireLockfile:
        if not self.install_from_resolve:
            raise OptionsError(
                f"[{self.options_scope}].install_from_resolve is not set, so there is no lockfile "
                "to install detect-secrets from. Name the resolve that has it, and it in "
                f"[{self.options_scope}].requirements, e.g. install_from_resolve = 'image-tools' "
                "and requirements = ['detect-secrets']."
            )
        return super().pex_requirements(extra_requirements=extra_requirements)


def rules() -> Iterable[object]:
    return collect_rules()
