"""How long servers take to start, measured in turns, and what their imports take."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from image.engine import Engine
from image.imports import ALL, by_package, largest
from image.start import (
    CLIENT,
    ENGINE,
    LIFESPAN,
    LOADING,
    REQUEST,
    SOCKET,
    TOTAL,
    Server,
    imports,
    interpreter,
    turn,
)
from measuring.estimates import median
from measuring.pages import markdown_table
from measuring.rounds import Measurements, interleaved

INTERPRETER = "of it, until Python runs a first line"
_PACKAGES = 12
_PHASES = (CLIENT, ENGINE, LOADING, INTERPRETER, LIFESPAN, SOCKET, REQUEST)


@dataclass
class Starts:
    """Seconds by server and phase; `imports` has those of each package, for each round."""

    phases: Measurements = field(default_factory=Measurements)
    imports: dict[str, list[dict[str, float]]] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """All of it, to be written as JSON."""
        return {"phases": self.phases.values, "imports": self.imports}


def measure_starts(
    engine: Engine,
    servers: Mapping[str, Server],
    rounds: int,
    progress: Callable[[int, str], None],
    *,
    profiled: Sequence[str] = (),
    warmups: int = 1,
) -> Starts:
    """Start each server once in each round; of those that are profiled, also look at imports.

    Imports are looked at in starts of their own, which are slower for it and count for nothing
    else.

    Raises:
        CommandError: a server did not start.
    """
    found: dict[str, list[dict[str, float]]] = {name: [] for name in profiled}

    def once(name: str, server: Server) -> dict[str, float]:
        taken = turn(engine, server)
        if name in found:
            taken[INTERPRETER] = interpreter(engine, server)
            found[name].append(by_package(imports(engine, server)))
        return taken

    turns = {name: partial(once, name, server) for name, server in servers.items()}
    phases = interleaved(turns, rounds, warmups=warmups, progress=progress)
    return Starts(phases, {name: each[-rounds:] for name, each in found.items()})


def phases_table(starts: Starts) -> str:
    """Each phase of each server: medians with 95% intervals."""
    rows = []
    for phase in (*_PHASES, TOTAL):
        columns = [metrics.get(phase) for metrics in starts.phases.values.values()]
        cells = [median(values).text(3) if values else "-" for values in columns]
        rows.append(["all" if phase == TOTAL else phase, *cells])
    return markdown_table(["phase, s", *starts.phases.variants], rows)


def imports_table(starts: Starts) -> str:
    """The packages whose imports take longest: medians with 95% intervals."""
    columns = {name: largest(rounds) for name, rounds in starts.imports.items()}
    first = next(iter(columns.values()))
    shown = list(first)[: _PACKAGES + 1]
    rows = [
        [name, *(column[name].text(3) if name in column else "-" for column in columns.values())]
        for name in [*shown[1:], ALL]
    ]
    return markdown_table(["imports of, s", *columns], rows)
