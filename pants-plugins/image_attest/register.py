"""Registers the `image_attestations` target."""

from __future__ import annotations

from collections.abc import Iterable

from pants.engine.target import Target

from image_attest import rules as attest_rules
from image_attest import subsystem
from image_attest.target_types import ImageAttestationsTarget
from image_layout import rules as layout_rules


def target_types() -> Iterable[type[Target]]:
    return (ImageAttestationsTarget,)


def rules() -> Iterable[object]:
    return (*attest_rules.rules(), *layout_rules.rules(), *subsystem.rules())
