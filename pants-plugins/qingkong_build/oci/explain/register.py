"""Registers `image_explanation`: why each distribution is in an image, by `pants run`."""

from __future__ import annotations

from collections.abc import Iterable

from pants.engine.target import Target

from qingkong_build.oci.explain import explain, facts, subsystem
from qingkong_build.oci.explain.target_types import ImageExplanationTarget


def target_types() -> Iterable[type[Target]]:
    return (ImageExplanationTarget,)


def rules() -> Iterable[object]:
    return (*explain.rules(), *facts.rules(), *subsystem.rules())
