"""The `[image-attest]` options: who builds, and what the documents are made with."""

from __future__ import annotations

from collections.abc import Iterable

from pants.engine.rules import collect_rules
from pants.option.option_types import StrOption
from pants.util.strutil import softwrap

from qingkong_build.sandbox.requirements import ScriptRequirements


class ImageAttest(ScriptRequirements):
    options_scope = "image-attest"
    name = "Image attestations"
    help = "Bills of materials and provenance of images (the `image_attestations` target)."

    default_version = "cyclonedx-python-lib>=11.12"
    projects = ("cyclonedx-python-lib", "jsonschema", "packageurl-python", "packaging")
    resolve = "image-tools"
    register_interpreter_constraints = True

    builder_id = StrOption(
        default="urn:qingkong:builder:local",
        help=softwrap(
            """
            The URI by which provenance names who runs the build. CI sets its own: what is made
            with the default was made by no one whom a verifier could trust.
            """
        ),
    )


def rules() -> Iterable[object]:
    return collect_rules()
