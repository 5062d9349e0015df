"""Registers `image_explanation`: why each distribution is in an image, by `pants run`."""

from __future__ import annotations

from collections.abc import Iterable

from pants.engine.target import Target

from image_explanation import explain, facts, subsystem
from image_explanation.target_types import ImageExplanationTarget


def target_types() -> Iterable[type[Target]]:
    return (ImageExplanationTarget,)


def rules() -> Iterable[object]:
    return (*explain.rules(), *facts.rules(), *subsystem.rules())
