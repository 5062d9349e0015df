"""The `docker` client of Pants' own rules, pointed to the engine in use."""

from __future__ import annotations

from collections.abc import Iterable

from pants.backend.docker.subsystems.docker_options import DockerOptions
from pants.backend.docker.util_rules import docker_binary
from pants.backend.docker.util_rules.docker_binary import DockerBinary
from pants.engine.rules import collect_rules, rule
from pants.util.frozendict import FrozenDict

from qingkong_build.oci.engine.rules import EngineSearch


@rule(desc="Find the `docker` client")
async def find_docker_client(
    options: DockerOptions,
    environment_options: DockerOptions.EnvironmentAware,
    search: EngineSearch,
) -> DockerBinary:
    client = await docker_binary.get_docker(options, environment_options)
    # Where none is found, the client's own message is as good as any. One that is chosen and does
    # not answer is an error: the client, which is not told of it, would use another.
    engine = search.optional()
    variables = engine.client_variables() if engine is not None else {}
    return DockerBinary(
        client.path,
        client.fingerprint,
        FrozenDict({**variables, **client.extra_env}),
        client.extra_input_digests,
    )


def rules() -> Iterable[object]:
    return collect_rules()
