"""The `[image-attest]` options: who builds, and what the documents are made with."""

from __future__ import annotations

from collections.abc import Iterable

from pants.backend.python.subsystems.python_tool_base import PythonToolRequirementsBase
from pants.backend.python.util_rules.pex_requirements import EntireLockfile, PexRequirements
from pants.engine.rules import collect_rules
from pants.option.errors import OptionsError
from pants.option.option_types import StrOption
from pants.util.strutil import softwrap


class ImageAttest(PythonToolRequirementsBase):
    options_scope = "image-attest"
    name = "Image attestations"
    help = "Bills of materials and provenance of images (the `image_attestations` target)."

    # What is installed comes from a resolve of the repository and from nowhere else: there is no
    # lockfile here to fall back on (Pants wants a name for one all the same).
    default_version = "cyclonedx-python-lib>=11.12"
    default_lockfile_resource = ("image_attest", "none.lock")
    register_interpreter_constraints = True

    builder_id = StrOption(
        default="urn:qingkong:builder:local",
        help=softwrap(
            """
            The URI by which provenance names who runs the build. CI sets its own: what is made
            with the default was made by nobody whom a verifier could trust.
            """
        ),
    )

    def pex_requirements(
        self, *, extra_requirements: Iterable[str] = ()
    ) -> PexRequirements | EntireLockfile:
        if not self.install_from_resolve:
            raise OptionsError(
                f"[{self.options_scope}].install_from_resolve is not set, so there is no lockfile "
                "to install cyclonedx-python-lib from. Name the resolve that has it, and in "
                f"[{self.options_scope}].requirements it, jsonschema, packageurl-python and "
                "packaging, e.g. install_from_resolve = 'image-tools'."
            )
        return super().pex_requirements(extra_requirements=extra_requirements)


def rules() -> Iterable[object]:
    return collect_rules()
