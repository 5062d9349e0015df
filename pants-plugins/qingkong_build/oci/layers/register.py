"""Registers the layer targets."""

from __future__ import annotations

from collections.abc import Iterable

from pants.engine.target import Target

from qingkong_build.oci.layers import (
    layers,
    local_wheels,
    pack,
    packaging,
    pex_layers,
    requirements,
)
from qingkong_build.oci.layers.target_types import (
    FilesLayerTarget,
    FilesystemLayerTarget,
    RequirementsLayerTarget,
    SourcesLayerTarget,
    WheelsLayerTarget,
)
from qingkong_build.python_lock.register import rules as production_closure_rules


def target_types() -> Iterable[type[Target]]:
    return (
        FilesLayerTarget,
        FilesystemLayerTarget,
        RequirementsLayerTarget,
        SourcesLayerTarget,
        WheelsLayerTarget,
    )


def rules() -> Iterable[object]:
    return (
        *layers.rules(),
        *local_wheels.rules(),
        *pack.rules(),
        *packaging.rules(),
        *pex_layers.rules(),
        *production_closure_rules(),
        *requirements.rules(),
    )
