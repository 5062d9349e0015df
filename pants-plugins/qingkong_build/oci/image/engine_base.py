"""The base of an image in the container engine: what it has, what it pulls, or a stand-in."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from dataclasses import dataclass

from pants.engine.addresses import Address
from pants.engine.rules import _uncacheable_rule, collect_rules

from qingkong_build.oci.engine.answers import EngineImage
from qingkong_build.oci.engine.errors import EngineRefusedError
from qingkong_build.oci.engine.rules import ContainerEngine
from qingkong_build.oci.image.documents import BaseConfig
from qingkong_build.oci.image.subsystem import ImageAssembly
from qingkong_build.oci.layers.base_field import is_path

logger = logging.getLogger(__name__)


class MissingBaseError(Exception):
    """The engine has no such base, and cannot pull it."""


@dataclass(frozen=True)
class EngineBaseRequest:
    """The base `reference` of the target at `address`."""

    engine: ContainerEngine
    reference: str
    address: Address


@dataclass(frozen=True)
class EngineBase:
    """`reference` is the base's name, which is in errors."""

    image: EngineImage
    reference: str

    @property
    def config(self) -> BaseConfig:
        return BaseConfig.from_json(json.loads(self.image.config), self.reference)


def check_is_name(request: EngineBaseRequest) -> None:
    """Raises `MissingBaseError` for a base that is a path: engines know images by name."""
    if is_path(request.reference):
        raise MissingBaseError(
            f"getting the base of {request.address}: base={request.reference}: it is a path, and "
            "the container engine takes only what it lacks above a base that it has. Fix: package "
            f"{request.address} and `docker load` its archive, or name a base that the engine has "
            "or can pull."
        )


@_uncacheable_rule
async def have_base(request: EngineBaseRequest, options: ImageAssembly) -> EngineBase:
    check_is_name(request)
    client = request.engine.client()
    reference = request.reference
    image = client.inspect(reference)
    if image is not None:
        return EngineBase(image, reference)
    logger.info("Pulling %s, the base of %s, into %s", reference, request.address, request.engine)
    try:
        client.pull(reference)
        image, reason = client.inspect(reference), "the engine does not list it after the pull"
    except EngineRefusedError as error:
        reason = str(error)
    if image is None:
        stand_in = options.stand_ins.get(reference)
        image = client.inspect(stand_in) if stand_in else None
        if image is None:
            raise MissingBaseError(
                f"getting the base of {request.address}: base={reference}: {reason}. "
                f"Fix: {options.base_hint}."
            )
        logger.warning(
            "%s: %s cannot be pulled; using its stand-in %s, which %s has (sha256:%s). %s",
            *(request.address, reference, stand_in, request.engine, image.id[:12], reason),
        )
    return EngineBase(image, reference)


def rules() -> Iterable[object]:
    return collect_rules()
