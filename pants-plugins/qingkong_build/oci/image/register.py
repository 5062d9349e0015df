"""Registers `oci_image`, and Pants' own Docker backend with a `docker_image` that takes one.

Activate it in place of `pants.backend.docker`: with both there would be two rules for the same
thing.
"""

from __future__ import annotations

from collections.abc import Iterable

from pants.backend.docker import register as docker
from pants.backend.docker.target_types import DockerImageTarget
from pants.engine.target import Target

from qingkong_build.oci.engine import rules as engine_rules
from qingkong_build.oci.image import (
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
from qingkong_build.oci.image.target_types import DockerImageImageField, OciImageTarget
from qingkong_build.oci.image.upstream import without_replaced
from qingkong_build.oci.zstd import rules as zstd
from qingkong_build.sandbox.rules import rules as script_rules


def target_types() -> Iterable[type[Target]]:
    return (*docker.target_types(), OciImageTarget)


def rules() -> Iterable[object]:
    return (
        *without_replaced(docker.rules()),
        *engine_rules.rules(),
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
        *zstd.rules(),
        DockerImageTarget.register_plugin_field(DockerImageImageField),
    )
