"""Checks `docker_image` targets too: what they copy beside layers, as a PEX, is a way in."""

from __future__ import annotations

from collections.abc import Iterable

from pants.backend.docker.target_types import (
    DockerImageTags,
    DockerImageTagsRequest,
    DockerImageTarget,
)
from pants.engine.rules import Get, collect_rules, rule
from pants.engine.target import BoolField, Target
from pants.engine.unions import UnionRule
from pants.util.strutil import help_text

from production_closure.graph import ProductionClosure, ProductionClosureRequest


class ShipsField(BoolField):
    alias = "ships"
    default = True
    help = help_text(
        """
        Whether the image ships, so that everything in it must come from
        `[production-closure].resolves`. False for one that tests or tools run in.
        """
    )


class CheckedImageTagsRequest(DockerImageTagsRequest):
    """Pants asks for further tags before each build: the one hook that it has there."""

    @classmethod
    def is_applicable(cls, target: Target) -> bool:
        return target.has_field(ShipsField) and bool(target[ShipsField].value)


@rule
async def check_docker_image(request: CheckedImageTagsRequest) -> DockerImageTags:
    await Get(ProductionClosure, ProductionClosureRequest(request.target.address))
    return DockerImageTags()


def rules() -> Iterable[object]:
    return (
        *collect_rules(),
        DockerImageTarget.register_plugin_field(ShipsField),
        UnionRule(DockerImageTagsRequest, CheckedImageTagsRequest),
    )
