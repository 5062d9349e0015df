"""Processes that need what this machine has: the passwords of its user, its container engine."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pants.engine.platform import Platform
from pants.engine.process import (
    FallibleProcessResult,
    Process,
    ProcessExecutionEnvironment,
    ProductDescription,
)
from pants.engine.rules import Get, collect_rules, rule


@dataclass(frozen=True)
class LocalProcess:
    """Run a process here, also where `[GLOBAL].remote_execution` sends all others to workers.

    `Get(ProcessResult, LocalProcess(...))` fails as for a `Process`.
    """

    process: Process


@rule
async def run_locally(
    request: LocalProcess, environment: ProcessExecutionEnvironment
) -> FallibleProcessResult:
    if not environment.remote_execution:
        return await Get(FallibleProcessResult, Process, request.process)
    here = ProcessExecutionEnvironment(
        environment_name=environment.name,
        platform=Platform.create_for_localhost().value,
        docker_image=None,
        remote_execution=False,
        remote_execution_extra_platform_properties=[],
    )
    return await Get(
        FallibleProcessResult,
        {request.process: Process, here: ProcessExecutionEnvironment},
    )


@rule
def describe_local_process(request: LocalProcess) -> ProductDescription:
    return ProductDescription(request.process.description)


def rules() -> Iterable[object]:
    return collect_rules()
