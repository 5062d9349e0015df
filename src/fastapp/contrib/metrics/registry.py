"""What a reading of ``/metrics`` gives: this process, or all that share its port."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from prometheus_client import REGISTRY, CollectorRegistry, PlatformCollector, ProcessCollector
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from fastapp.contrib.metrics.build_info import BuildInfo
from fastapp.contrib.metrics.databases import look
from fastapp.contrib.metrics.workers import is_alive, is_shared, processes

REGISTRY.register(BuildInfo())
#: Of processes; the others do not add up.
_SUMS: Final = (
    "process_virtual_memory_bytes",
    "process_resident_memory_bytes",
    "process_cpu_seconds",
    "process_open_fds",
)


class Processes(Collector):
    """CPU, memory and files of several processes together."""

    def __init__(self, pids: Sequence[int]) -> None:
        self._pids = pids

    def collect(self) -> Iterator[Metric]:
        """The sums, and of how many processes they are."""
        sums: dict[str, Metric] = {}
        for pid in self._pids:
            for metric in _process(pid):
                total = sums.get(metric.name)
                if metric.name not in _SUMS:
                    continue
                if total is None:
                    sums[metric.name] = metric
                else:
                    total.samples = [
                        one._replace(value=one.value + other.value)
                        for one, other in zip(total.samples, metric.samples, strict=True)
                    ]
        yield from sums.values()
        count = Metric("fastapp_processes", "Processes that share this port.", "gauge")
        count.add_sample("fastapp_processes", {}, len(self._pids))
        yield count


def _process(pid: int) -> list[Metric]:
    return list(ProcessCollector(pid=lambda: pid, registry=None).collect())


def current_registry() -> CollectorRegistry:
    """What there is to read now."""
    look()
    if not is_shared():
        return REGISTRY
    registry = CollectorRegistry()
    pids = processes(is_alive)
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    registry.register(Processes(pids))
    registry.register(BuildInfo())
    PlatformCollector(registry=registry)
    return registry
