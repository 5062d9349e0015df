"""Registers `oci_image`, and Pants' own Docker backend with another way to make its images.

Activate it in place of `pants.backend.docker`, and `oci_image.hadolint` in place of
`pants.backend.docker.lint.hadolint`: with both there would be two rules for the same thing.
"""

from __future__ import annotations

from collections.abc import Iterable

from pants.backend.docker import register as docker
from pants.engine.target import Target

from oci_image import (
    base,
    engine_image,
    engine_state,
    layer_files,
    layout,
    plan,
    platform_image,
    platform_layers,
    publish,
)
from oci_image.target_types import OciImageTarget
from oci_image.upstream import without_builder
from sandbox_script.rules import rules as script_rules


def target_types() -> Iterable[type[Target]]:
    return (*docker.target_types(), OciImageTarget)


def rules() -> Iterable[object]:
    return (
        *without_builder(docker.rules()),
        *base.rules(),
        *engine_image.rules(),
        *engine_state.rules(),
        *layer_files.rules(),
        *layout.rules(),
        *plan.rules(),
        *platform_image.rules(),
        *platform_layers.rules(),
        *publish.rules(),
        *script_rules(),
    )
