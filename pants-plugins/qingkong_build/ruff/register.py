"""Registers ruff: `pants lint`, `pants fix` and `pants fmt` of Python code.

Pants 2.17 has a ruff back end of its own (`pants.backend.experimental.python.lint.ruff`), which
cannot be used beside this one: it calls `ruff FILES`, which ruff has refused since 0.5, and it
knows nothing of `ruff format`.
"""

from __future__ import annotations

from collections.abc import Iterable

from qingkong_build.ruff import rules as ruff_rules
from qingkong_build.ruff import skip_field, subsystem


def rules() -> Iterable[object]:
    return (*ruff_rules.rules(), *skip_field.rules(), *subsystem.rules())
