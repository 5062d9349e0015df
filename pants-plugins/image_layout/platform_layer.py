"""Layers that differ by platform: what makes them says so by joining a union.

Whoever assembles an image for a platform does not know the targets that layers are made with, and
they do not know who asks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pants.engine.environment import EnvironmentName
from pants.engine.target import Field, Target
from pants.engine.unions import union


@union(in_scope_types=[EnvironmentName])
@dataclass(frozen=True)
class PlatformLayerRequest:
    """The package of `target`, a layer, for `platform`, e.g. `linux/arm64`.

    A rule for each member gives a `BuiltPackage` with the same path for every platform.
    """

    required_fields: ClassVar[tuple[type[Field], ...]]

    target: Target
    platform: str

    @classmethod
    def is_applicable(cls, target: Target) -> bool:
        """Whether the layer differs by platform; all others are made as `pants package` does."""
        return target.has_fields(cls.required_fields)
