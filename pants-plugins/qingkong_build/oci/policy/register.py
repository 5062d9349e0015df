"""Registers the `image_policy` target, and what tests images by it."""

from __future__ import annotations

from collections.abc import Iterable

from pants.engine.target import Target

from qingkong_build.oci.layout import rules as layout_rules
from qingkong_build.oci.policy import rules as policy_rules
from qingkong_build.oci.policy import subsystem
from qingkong_build.oci.policy.target_types import ImagePolicyTarget
from qingkong_build.python_lock import lockfile_dependencies


def target_types() -> Iterable[type[Target]]:
    return (ImagePolicyTarget,)


def rules() -> Iterable[object]:
    return (
        *layout_rules.rules(),
        *policy_rules.rules(),
        *lockfile_dependencies.rules(),
        *subsystem.rules(),
    )
