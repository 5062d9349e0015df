"""Registers the `image_policy` target, and what tests images by it."""

from __future__ import annotations

from collections.abc import Iterable

from pants.engine.target import Target

from image_layout import rules as layout_rules
from image_policy import rules as policy_rules
from image_policy import subsystem
from image_policy.target_types import ImagePolicyTarget


def target_types() -> Iterable[type[Target]]:
    return (ImagePolicyTarget,)


def rules() -> Iterable[object]:
    return (*layout_rules.rules(), *policy_rules.rules(), *subsystem.rules())
