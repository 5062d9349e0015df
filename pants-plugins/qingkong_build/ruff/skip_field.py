"""The `skip_ruff` field of every Python target."""

from __future__ import annotations

from collections.abc import Iterable

from pants.backend.python.target_types import (
    PythonSourcesGeneratorTarget,
    PythonSourceTarget,
    PythonTestsGeneratorTarget,
    PythonTestTarget,
    PythonTestUtilsGeneratorTarget,
)
from pants.engine.target import BoolField

_TARGETS = (
    PythonSourcesGeneratorTarget,
    PythonSourceTarget,
    PythonTestsGeneratorTarget,
    PythonTestTarget,
    PythonTestUtilsGeneratorTarget,
)


class SkipRuffField(BoolField):
    alias = "skip_ruff"
    default = False
    help = "If true, ruff neither checks nor formats this target's code."


def rules() -> Iterable[object]:
    return tuple(target.register_plugin_field(SkipRuffField) for target in _TARGETS)
