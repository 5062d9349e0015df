"""The gateway with much to carry: a GiB each way, a thousand sockets, a service that is killed."""

from __future__ import annotations

import asyncio
import resource
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from integration.gateway.processes import MIB, gateway, resident, service_process
from integration.gateway.services import Service
from integration.gateway.support import SECONDS, serving, wait_for
from websockets.asyncio.client import connect

GIB = 1 << 30
BLOCK = b"x" * (256 * 1024)
MOST_GROWTH = 32 * MIB
SOCKETS = 1000


@contextmanager
def highest_memory(pid: int) -> Iterator[list[int]]:
    """Watches a process; the list has the most bytes of memory it had at once."""
    found = [resident(pid)]
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.02):
            found[0] = max(found[0], resident(pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield found
    finally:
        done.set()
        watcher.join()


def test_a_gib_up_and_one_down_pass_through_little_memory() -> None:
    # In processes of their own: three that share an interpreter would take turns.
    with service_process() as url_of_service:
        with gateway("--upstream", f"shop={url_of_service}") as (process, url):
            port = int(url.rpartition(":")[2])
            # What a first request brings is there already.
            httpx.post(f"{url}/shop/sink", content=BLOCK)
            httpx.get(f"{url}/shop/big?1")
            before = resident(process.pid)
            with highest_memory(process.pid) as highest:
                # The service begins late: who does not hold the client back must hold the data.
                assert upload(port, "/shop/sink?delay=1", GIB) == {"size": GIB}
                assert download(port, "/shop/big?1024") == GIB
            growth = highest[0] - before
            assert growth <= MOST_GROWTH, f"grew by {growth / MIB:.1f} MiB"


def upload(port: int, target: str, size: int) -> object:
    """POST so many bytes; the JSON of the answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        head = f"POST {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {size}\r\n"
        client.sendall(f"{head}Connection: close\r\n\r\n".encode())
        for _ in range(size // len(BLOCK)):
            client.sendall(BLOCK)
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), answer
    return httpx.Response(200, content=body).json()


def download(port: int, target: str) -> int:
    """GET; bytes of the body, which is all "x" and in chunks."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        head = f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
        client.sendall(head.encode())
        found, buffer = 0, bytearray(1 << 20)
        while count := client.recv_into(buffer):
            # Headers and the sizes of chunks have no such letter, or are told apart by the count.
            found += buffer.count(b"x", 0, count)
    return found
