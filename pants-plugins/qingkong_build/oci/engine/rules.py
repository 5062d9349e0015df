"""The engine of the user who runs Pants, asked again in each session."""

from __future__ import annotations

import logging
import os
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pants.backend.docker.subsystems.docker_options import DockerOptions
from pants.engine.env_vars import EnvironmentVars, EnvironmentVarsRequest
from pants.engine.rules import Get, _uncacheable_rule, collect_rules
from pants.option.global_options import NamedCachesDirOption
from pants.util.frozendict import FrozenDict

from qingkong_build.oci.engine.address import (
    CLIENT_VARIABLES,
    VARIABLES,
    EngineAddress,
    EngineChoiceError,
    NoEngineError,
    locate,
)
from qingkong_build.oci.engine.answers import EngineImage, EngineProduct
from qingkong_build.oci.engine.errors import EngineError
from qingkong_build.oci.engine.offer import offer_content

if TYPE_CHECKING:
    from qingkong_build.oci.engine.client import Engine

logger = logging.getLogger(__name__)

_CACHE = "container_engine"


@dataclass(frozen=True)
class ContainerEngine:
    """An engine that answers. `environment` is what `ssh` and credential helpers need."""

    address: EngineAddress
    product: EngineProduct
    environment: FrozenDict[str, str]

    def __str__(self) -> str:
        return f"{self.product} at {self.address}"

    def client(self) -> Engine:
        return _engine(self.address, self.environment, self.product)

    def client_variables(self) -> dict[str, str]:
        """What makes a `docker` client use it."""
        return {**self.environment, **self.address.client_variables()}


def _engine(
    address: EngineAddress,
    environment: FrozenDict[str, str],
    product: EngineProduct | None = None,
) -> Engine:
    # Loaded when it is needed: half a second that every start of Pants would take longer.
    from qingkong_build.oci.engine.client import Engine

    return Engine(address, environment, product)


@dataclass(frozen=True)
class EngineSearch:
    """`engine` is None where none is in use, for `problem`, which is an error message."""

    engine: ContainerEngine | None
    problem: str = ""
    is_chosen: bool = False

    def required(self) -> ContainerEngine:
        """
        Raises:
            EngineError: there is none.
        """
        if self.engine is None:
            raise EngineError(self.problem)
        return self.engine

    def optional(self) -> ContainerEngine | None:
        """
        Raises:
            EngineError: the user has chosen one, and it does not answer: no other way may be taken
                in silence.
        """
        return self.required() if self.is_chosen else self.engine


@_uncacheable_rule
async def find_engine(options: DockerOptions.EnvironmentAware) -> EngineSearch:
    # All of the caller's; `[docker].env_vars` may give others a value. They choose where an image
    # goes to or comes from and are no part of what is in it: no cached process may see them.
    given = (each for each in options.env_vars if each.partition("=")[0] in VARIABLES)
    environment = await Get(
        EnvironmentVars, EnvironmentVarsRequest((*VARIABLES, *CLIENT_VARIABLES, *given))
    )
    try:
        address = locate(environment)
    except EngineChoiceError as error:
        return EngineSearch(None, str(error), is_chosen=True)
    except NoEngineError as error:
        return EngineSearch(None, str(error))
    variables = FrozenDict(
        {name: environment[name] for name in CLIENT_VARIABLES if name in environment}
    )
    try:
        product = _engine(address, variables).identify()
    except EngineError as error:
        if not address.explicit:
            logger.warning("%s", error)
        return EngineSearch(None, str(error), is_chosen=address.explicit)
    return EngineSearch(ContainerEngine(address, product, variables), is_chosen=address.explicit)


@dataclass(frozen=True)
class EngineImagesRequest:
    """What an engine has under these names."""

    engine: ContainerEngine
    names: tuple[str, ...]


@dataclass(frozen=True)
class EngineImages:
    """An image for each name, None where the engine has none.

    No two answers are equal. Pants would not carry out again what depends on an answer equal to the
    last one, but an image that was loaded since, and then removed by the user, has to be loaded.
    """

    images: tuple[EngineImage | None, ...]
    asked_at: int


@_uncacheable_rule
async def look_images_up(request: EngineImagesRequest) -> EngineImages:
    client = request.engine.client()
    return EngineImages(tuple(map(client.inspect, request.names)), time.monotonic_ns())


@dataclass(frozen=True)
class ImageOfferRequest:
    """Let processes read an image of an engine."""

    engine: ContainerEngine
    image_id: str


@dataclass(frozen=True)
class ImageOffer:
    """How a process reads an image from whichever engine has it.

    The image's ID is all that the process is told, and all that its cached result depends on. Below
    `caches`, the file at `path` has a command line, its environment and its input, in JSON; run, it
    prints the archive.
    """

    image_id: str
    caches: FrozenDict[str, str]
    path: str


def _replace_file(path: str, content: str) -> None:
    # Other builds of this user may write the same file.
    descriptor, partial = tempfile.mkstemp(dir=os.path.dirname(path))
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(content)
    os.replace(partial, path)


@_uncacheable_rule
async def offer_image(
    request: ImageOfferRequest, named_caches_dir: NamedCachesDirOption
) -> ImageOffer:
    folder = os.path.join(named_caches_dir.val, _CACHE)
    os.makedirs(folder, mode=0o700, exist_ok=True)
    name = f"{request.image_id}.json"
    engine = request.engine
    content = offer_content(engine.address, engine.environment, request.image_id)
    _replace_file(os.path.join(folder, name), content)
    return ImageOffer(
        request.image_id, FrozenDict({_CACHE: ".container_engine"}), f".container_engine/{name}"
    )


def rules() -> Iterable[object]:
    return collect_rules()
