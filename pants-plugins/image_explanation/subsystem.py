"""The `[explain-image]` options: where `packaging` comes from, which evaluates markers."""

from __future__ import annotations

from collections.abc import Iterable

from pants.backend.python.subsystems.python_tool_base import PythonToolRequirementsBase
from pants.engine.rules import collect_rules


class ImageExplanation(PythonToolRequirementsBase):
    options_scope = "explain-image"
    help = "Explains what is in an image; `packaging` evaluates the markers of requirements."

    default_version = "packaging>=24"
    # What is installed comes from a resolve of the repository: there is no lockfile here.
    default_lockfile_resource = ("image_explanation", "none.lock")


def rules() -> Iterable[object]:
    return collect_rules()
