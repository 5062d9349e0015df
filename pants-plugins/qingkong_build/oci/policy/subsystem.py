"""The `[image-policies]` options: what the checks are installed from."""

from __future__ import annotations

from collections.abc import Iterable

from pants.engine.rules import collect_rules
from pants.option.option_types import SkipOption

from qingkong_build.sandbox.requirements import ScriptRequirements


class ImagePolicy(ScriptRequirements):
    options_scope = "image-policies"
    name = "Image policy"
    help = "Tests of images by numbered rules (the `image_policy` target)."

    default_version = "detect-secrets>=1.5"
    projects = ("detect-secrets",)
    resolve = "image-tools"
    register_interpreter_constraints = True

    skip = SkipOption("test")


def rules() -> Iterable[object]:
    return collect_rules()
