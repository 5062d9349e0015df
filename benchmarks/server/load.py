"""Clients: wrk for as much as goes, hey for a steady rate."""

from __future__ import annotations

import csv
import http.client
import io
import re
import subprocess
from collections.abc import Iterator

from server.processes import MeasurementError, find_program

CONNECTIONS = 32
_MIB = 1 << 20
_CHUNK = 65536


def saturate(port: int, path: str, seconds: int) -> tuple[int, float]:
    """Send one request after the other on 32 connections.

    Returns:
        Requests that were answered, and requests in a second.

    Raises:
        MeasurementError: some were not answered with success.
    """
    command = [
        *(find_program("wrk"), "-t", "1", "-c", str(CONNECTIONS), "-d", f"{seconds}s"),
        f"http://127.0.0.1:{port}{path}",
    ]
    text = _run(command, seconds)
    total = re.search(r"(\d+) requests in", text)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", text)
    if total is None or rate is None or re.search(r"Non-2xx|Socket errors", text):
        raise MeasurementError(f"{' '.join(command)} did not go well:\n{text}")
    return int(total[1]), float(rate[1])


def percentile_at_rate(port: int, path: str, rate: float, seconds: int, share: float) -> float:
    """Milliseconds within which a share of the requests is answered, at a steady rate.

    Each connection sends at times of its own clock, whether or not the others wait.

    Args:
        port: where.
        path: what.
        rate: requests in a second.
        seconds: how long.
        share: from 0 to 1, such as 0.99.

    Raises:
        MeasurementError: some were not answered with success, or the rate was not reached.
    """
    each = rate / CONNECTIONS
    command = [
        *(find_program("hey"), "-z", f"{seconds}s", "-c", str(CONNECTIONS)),
        *("-q", f"{each:.3f}", "-o", "csv", f"http://127.0.0.1:{port}{path}"),
    ]
    rows = list(csv.DictReader(io.StringIO(_run(command, seconds))))
    wrong = [row for row in rows if row["status-code"] != "200"]
    if wrong or len(rows) < 0.8 * rate * seconds:
        raise MeasurementError(
            f"{' '.join(command)}: {len(rows)} answers of {rate * seconds:.0f}, {len(wrong)} errors"
        )
    times = sorted(float(row["response-time"]) * 1000 for row in rows)
    return times[min(len(times) - 1, int(share * len(times)))]


def upload(port: int, path: str, mebibytes: int) -> None:
    """Send a body of so many MiB in chunks, as one request.

    Raises:
        MeasurementError: the service did not get all of it.
    """

    def chunks() -> Iterator[bytes]:
        chunk = b"x" * _CHUNK
        for _ in range(mebibytes * _MIB // _CHUNK):
            yield chunk

    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    connection.request("POST", path, body=chunks(), encode_chunked=True, headers=_CHUNKED)
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    if answer.status != 200 or body != f'{{"size":{mebibytes * _MIB}}}':
        raise MeasurementError(f"upload of {mebibytes} MiB: {answer.status} {body[:200]}")


_CHUNKED = {"Transfer-Encoding": "chunked"}


def _run(command: list[str], seconds: int) -> str:
    done = subprocess.run(
        command,
        check=False,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=seconds + 60,
    )
    if done.returncode:
        raise MeasurementError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}")
    return done.stdout
