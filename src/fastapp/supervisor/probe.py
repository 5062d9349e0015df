"""Asking a service over HTTP whether it answers."""

from __future__ import annotations

import asyncio

PATH = "/healthz/live"


async def answers(host: str, port: int, limit: float = 5.0) -> bool:
    """Whether the service gives an answer that is no error of its own.

    The liveness endpoint is asked, not the readiness one: a database that is down makes a service
    say "not ready" to those who send requests, and is no reason to start it again.
    """
    try:
        async with asyncio.timeout(limit):
            return await _ask(host, port)
    except (OSError, ValueError):  # TimeoutError is an OSError
        return False


async def _ask(host: str, port: int) -> bool:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        request = f"GET {PATH} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        writer.write(request.encode())
        line = await reader.readline()
        # To its end: a service that breaks off has not answered.
        while await reader.read(4096):
            pass
    finally:
        writer.close()
    version, _, rest = line.partition(b" ")
    # A middleware of the project may want credentials here; 401 is an answer all the same.
    return version.startswith(b"HTTP/") and int(rest[:3]) < 500
