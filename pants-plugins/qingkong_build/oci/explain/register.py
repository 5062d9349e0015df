"""Registers `image_explanation`: why each distribution is in an image, and its page."""

from __future__ import annotations

from collections.abc import Iterable

from pants.engine.target import Target

from qingkong_build.oci.explain import explain, facts, page, subsystem
from qingkong_build.oci.explain.target_types import ImageExplanationTarget
from qingkong_build.oci.layout import rules as layout_rules


def target_types() -> Iterable[type[Target]]:
    return (ImageExplanationTarget,)


def rules() -> Iterable[object]:
    return (
        *explain.rules(),
        *facts.rules(),
        *layout_rules.rules(),
        *page.rules(),
        *subsystem.rules(),
    )
