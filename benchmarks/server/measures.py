"""What is measured. Each function gives the values of its rounds; all variants of a round meet the
same machine, so that their ratios mean something where their values do not."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from measuring.rounds import Measurements, interleaved
from server import load, variants
from server.processes import Server
from server.project import PATH, Project

_MIB = 1 << 20
_QUIET = {"QK_ACCESS_LOG": "0"}
_METRICS = {"QK_METRICS_ENABLED": "1", "QK_METRICS_TOKEN": "a token for measurements"}


@dataclass(frozen=True)
class Size:
    """How much is measured.

    Attributes:
        rounds: of each comparison.
        seconds: of load in a turn.
        mebibytes: of the upload.
        apps: of the projects that are started, in ascending order.
    """

    rounds: int
    seconds: int
    mebibytes: int
    apps: tuple[int, ...]


FULL = Size(rounds=15, seconds=4, mebibytes=1024, apps=(1, 10, 20, 30, 40, 50))
QUICK = Size(rounds=1, seconds=1, mebibytes=16, apps=(1, 3))


def commands(project: Project, size: Size, progress: Callable[[int, str], None]) -> Measurements:
    """Milliseconds of commands, and of a Python that does nothing."""

    def turn(command: list[str]) -> Mapping[str, float]:
        began = time.perf_counter()
        subprocess.run(
            command,
            cwd=project.folder,
            env=project.environment(),
            check=True,
            stdout=subprocess.DEVNULL,
        )
        return {"ms": (time.perf_counter() - began) * 1000}

    return interleaved(
        {
            "Python alone": partial(turn, [str(project.python), "-c", "pass"]),
            "manage.py --help": partial(turn, project.command("--help")),
            "manage.py about": partial(turn, project.command("about")),
        },
        size.rounds,
        progress=progress,
    )


def saturated(
    servers: Mapping[str, Server], size: Size, progress: Callable[[int, str], None]
) -> Measurements:
    """Requests in a second, and microseconds of the server's processor time for each."""

    def turn(server: Server) -> Mapping[str, float]:
        before = server.cpu()
        count, rate = load.saturate(server.port, PATH, size.seconds)
        return {"rate": rate, "cpu": (server.cpu() - before) / count * 1e6}

    turns = {name: partial(turn, server) for name, server in servers.items()}
    return interleaved(turns, size.rounds, progress=progress)


def services(project: Project, size: Size, progress: Callable[[int, str], None]) -> Measurements:
    """FastAPI alone and ``runserver-aio``, as they come and with less or more."""
    with ExitStack() as stack:
        enter = stack.enter_context
        servers = {
            "FastAPI": enter(variants.bare(project, access_log=True)),
            "runserver-aio": enter(variants.aio(project)),
            "FastAPI, no access log": enter(variants.bare(project, access_log=False)),
            "runserver-aio, no access log": enter(variants.aio(project, **_QUIET)),
            "runserver-aio, metrics": enter(variants.aio(project, **_METRICS)),
            "runserver-aio, JSON log": enter(variants.aio(project, QK_LOG_FORMAT="json")),
        }
        return saturated(servers, size, progress)


def proxies(
    project: Project, size: Size, progress: Callable[[int, str], None]
) -> tuple[Measurements, Measurements]:
    """A service direct, through the gateway and through nginx; the second at a steady rate.

    The rate is half of what the gateway was found to carry.
    """
    with ExitStack() as stack:
        enter = stack.enter_context
        service = enter(variants.aio(project))
        servers = {
            "direct": service,
            "gateway": enter(variants.gateway(project, service)),
            "nginx": enter(variants.nginx(project, service)),
        }
        found = saturated(servers, size, progress)
        rates = sorted(found.column("gateway", "rate"))
        half = rates[len(rates) // 2] / 2

        def turn(server: Server) -> Mapping[str, float]:
            value = load.percentile_at_rate(server.port, PATH, half, size.seconds, 0.99)
            return {"p99": value, "rate": half}

        turns = {name: partial(turn, server) for name, server in servers.items()}
        return found, interleaved(turns, size.rounds, progress=progress)


def memory(project: Project, size: Size) -> Measurements:
    """MiB that the gateway grows by while a large body passes through it."""
    found = Measurements()
    with ExitStack() as stack:
        service = stack.enter_context(variants.aio(project))
        gateway = stack.enter_context(variants.gateway(project, service))
        # What the first body of all needs is not held for the next.
        load.upload(gateway.port, "/app0/sink", 1)
        before = gateway.memory()
        gateway.forget_peak()
        load.upload(gateway.port, "/app0/sink", size.mebibytes)
        growth = max(0, gateway.memory("VmHWM") - before)
        found.add("gateway", {"mib": growth / _MIB})
    return found


def starts(
    folder: Path, python: Path, size: Size, progress: Callable[[int, str], None]
) -> Measurements:
    """Seconds until ``runserver-aio`` answers, with few and with many apps."""
    projects = {
        str(count): Project.make(folder / f"apps-{count}", python, count) for count in size.apps
    }
    turns = {name: partial(_start, project) for name, project in projects.items()}
    return interleaved(turns, min(size.rounds, 7), progress=progress)


def _start(project: Project) -> Mapping[str, float]:
    with variants.aio(project) as server:
        return {"seconds": server.ready_after, "cpu": server.cpu()}
