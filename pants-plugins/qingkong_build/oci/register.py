"""Registers all that makes and judges container images, in place of `pants.backend.docker`.

Its parts are backends, too: `qingkong_build.oci.policy` or `qingkong_build.oci.attest` alone do for
images that something else makes.
"""

from __future__ import annotations

from collections.abc import Iterable

from pants.engine.target import Target

from qingkong_build.oci.attest import register as attest
from qingkong_build.oci.explain import register as explain
from qingkong_build.oci.image import register as image
from qingkong_build.oci.layers import register as layers
from qingkong_build.oci.policy import register as policy

_PARTS = (attest, explain, image, layers, policy)


def target_types() -> Iterable[type[Target]]:
    return tuple(target for part in _PARTS for target in part.target_types())


def rules() -> Iterable[object]:
    return tuple(rule for part in _PARTS for rule in part.rules())
