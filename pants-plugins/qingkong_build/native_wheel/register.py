"""Registers the `native_wheel` target: a C-extension wheel built from a pinned sdist."""

from __future__ import annotations

from collections.abc import Iterable

from pants.engine.target import Target

from qingkong_build.native_wheel import build_environment, module_mapping
from qingkong_build.native_wheel.target_types import NativeWheelTarget
from qingkong_build.python_lock import lockfile_dependencies


def target_types() -> Iterable[type[Target]]:
    return (NativeWheelTarget,)


def rules() -> Iterable[object]:
    return (
        *build_environment.rules(),
        *lockfile_dependencies.rules(),
        *module_mapping.rules(),
    )
