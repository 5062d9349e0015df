"""Reading what servers say of themselves: metrics, and lines of their logs."""

from __future__ import annotations

import json
import signal
import subprocess
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

TOKEN = "a token of the tests 0123456789"
METRICS = {"QK_METRICS_ENABLED": "1", "QK_METRICS_TOKEN": TOKEN}
JSON_LOGS = {"QK_LOG_FORMAT": "json"}


def metrics(url: str) -> dict[str, float]:
    """Values of ``URL/metrics`` by name with labels, as they are written."""
    answer = httpx.get(f"{url}/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200, answer.text
    return values(answer.text)


def values(text: str) -> dict[str, float]:
    """Of a text in the form of Prometheus."""
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(f"{key}={value}" for key, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}"] = sample.value
    return found


def log_of(process: subprocess.Popen[str]) -> list[dict[str, Any]]:
    """End a server, and read all its lines."""
    process.send_signal(signal.SIGTERM)
    _, log = process.communicate(timeout=60)
    return [json.loads(line) for line in log.splitlines() if line.startswith("{")]
