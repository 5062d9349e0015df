"""What is running: versions."""

from __future__ import annotations

import platform
from collections.abc import Iterator

from prometheus_client.metrics_core import InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from fastapp import __version__


class BuildInfo(Collector):
    """``fastapp_build_info``: always 1, with versions as labels."""

    def collect(self) -> Iterator[Metric]:
        """The one metric."""
        yield InfoMetricFamily(
            "fastapp_build",
            "Versions of what is running.",
            {"version": __version__, "python": platform.python_version()},
        )
