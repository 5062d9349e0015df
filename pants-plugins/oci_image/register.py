"""Registers `oci_image`, and Pants' own Docker backend with a `docker_image` that takes one.

Activate it in place of `pants.backend.docker`: with both there would be two rules for the same
thing.
"""

from __future__ import annotations

from collections.abc import Iterable

from pants.backend.docker import register as docker
from pants.backend.docker.target_types import DockerImageTarget
from pants.engine.target import Target

from container_engine import rules as container_engine
from oci_image import (
    base,
    docker_client,
    engine_base,
    engine_image,
    layer_files,
    layout,
    plan,
    platform_image,
    platform_layers,
    publish,
    restated_layers,
    upstream,
)
from oci_image.target_types import DockerImageImageField, OciImageTarget
from oci_image.upstream import without_replaced
from sandbox_script.rules import rules as script_rules


def target_types() -> Iterable[type[Target]]:
    return (*docker.target_types(), OciImageTarget)


def rules() -> Iterable[object]:
    return (
        *without_replaced(docker.rules()),
        *container_engine.rules(),
        *base.rules(),
        *docker_client.rules(),
        *engine_base.rules(),
        *engine_image.rules(),
        *layer_files.rules(),
        *layout.rules(),
        *plan.rules(),
        *platform_image.rules(),
        *platform_layers.rules(),
        *publish.rules(),
        *restated_layers.rules(),
        *script_rules(),
        *upstream.rules(),
        DockerImageTarget.register_plugin_field(DockerImageImageField),
    )
