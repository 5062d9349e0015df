"""Registers the `image_attestations` target, and what `pants run` does with it."""

from __future__ import annotations

from collections.abc import Iterable

from pants.engine.target import Target

from qingkong_build.oci.attest import roots, signing, subsystem
from qingkong_build.oci.attest import rules as attest_rules
from qingkong_build.oci.attest.target_types import ImageAttestationsTarget
from qingkong_build.oci.layout import rules as layout_rules
from qingkong_build.python_lock import lockfile_dependencies


def target_types() -> Iterable[type[Target]]:
    return (ImageAttestationsTarget,)


def rules() -> Iterable[object]:
    return (
        *attest_rules.rules(),
        *layout_rules.rules(),
        *lockfile_dependencies.rules(),
        *roots.rules(),
        *signing.rules(),
        *subsystem.rules(),
    )
