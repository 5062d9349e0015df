"""The `[explain-image]` options: where `packaging` comes from, which evaluates markers."""

from __future__ import annotations

from collections.abc import Iterable

from pants.engine.rules import collect_rules

from qingkong_build.sandbox.requirements import ScriptRequirements


class ImageExplanation(ScriptRequirements):
    options_scope = "explain-image"
    help = "Explains what is in an image; `packaging` evaluates the markers of requirements."

    default_version = "packaging>=24"
    projects = ("packaging",)
    resolve = "dev"


def rules() -> Iterable[object]:
    return collect_rules()
