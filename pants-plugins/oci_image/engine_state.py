"""What the local container engine has, asked anew in each session."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass

from pants.backend.docker.subsystems.docker_options import DockerOptions
from pants.engine.engine_aware import EngineAwareParameter
from pants.engine.env_vars import EnvironmentVars, EnvironmentVarsRequest
from pants.engine.rules import Get, _uncacheable_rule, collect_rules, rule

from oci_image.engine import Engine, EngineError, EngineImage, socket_of

logger = logging.getLogger(__name__)

_ENGINE_VARIABLES = ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "HOME")


@dataclass(frozen=True)
class EngineStateRequest(EngineAwareParameter):
    """What the local engine has under these names."""

    names: tuple[str, ...]


@dataclass(frozen=True)
class EngineState:
    """`socket` is None where there is no local engine; `images` are None where it lacks them."""

    socket: str | None
    images: tuple[EngineImage | None, ...]


@dataclass(frozen=True)
class EngineSocket:
    path: str | None


@rule
async def find_engine(options: DockerOptions.EnvironmentAware) -> EngineSocket:
    forwarded = {variable.partition("=")[0] for variable in options.env_vars}
    # What is not forwarded to the client of the engine must not decide here either; the home
    # directory it finds by itself.
    names = [name for name in _ENGINE_VARIABLES if name in forwarded or name == "HOME"]
    environment = await Get(EnvironmentVars, EnvironmentVarsRequest(names))
    return EngineSocket(socket_of(environment))


@_uncacheable_rule
async def engine_state(request: EngineStateRequest, engine: EngineSocket) -> EngineState:
    if engine.path is None:
        return EngineState(None, ())
    try:
        there = Engine(engine.path)
        return EngineState(engine.path, tuple(map(there.inspect, request.names)))
    except EngineError as error:
        logger.debug("%s", error)
        return EngineState(None, ())


def rules() -> Iterable[object]:
    return collect_rules()
