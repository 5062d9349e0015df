"""The gateway with much to carry: a GiB each way, a thousand sockets, a service that is killed."""

from __future__ import annotations

import asyncio
import resource
import signal
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
from integration.gateway.processes import MIB, gateway, resident, service_process
from integration.gateway.services import Service
from integration.gateway.support import SECONDS, serving, wait_for
from websockets.asyncio.client import ClientConnection, connect

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
    # Each in a process of its own: within one interpreter they would take turns.
    with service_process() as (_service, url_of_service):
        with gateway("--upstream", f"shop={url_of_service}") as (process, url):
            port = port_of(url)
            # A first request's costs are paid already.
            assert upload(port, "/shop/sink", len(BLOCK)) == {"size": len(BLOCK)}
            assert download(port, "/shop/big?1") == MIB
            before = resident(process.pid)
            with highest_memory(process.pid) as highest:
                # The service begins late: who does not hold the client back must hold the data.
                assert upload(port, "/shop/sink?delay=1", GIB) == {"size": GIB}
                assert download(port, "/shop/big?1024") == GIB
            growth = highest[0] - before
            assert growth <= MOST_GROWTH, f"grew by {growth / MIB:.1f} MiB"


def port_of(url: str) -> int:
    return int(url.rpartition(":")[2])


def upload(port: int, target: str, size: int) -> object:
    """POST so many bytes; the JSON of the answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        head = f"POST {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {size}\r\n"
        client.sendall(f"{head}Connection: close\r\n\r\n".encode())
        for _ in range(size // len(BLOCK)):
            client.sendall(BLOCK)
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    start, _, body = answer.partition(b"\r\n\r\n")
    assert start.startswith(b"HTTP/1.1 200"), answer
    return httpx.Response(200, content=body).json()


def download(port: int, target: str) -> int:
    """GET; how often the body, which is in chunks, has an "x"."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        head = f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
        client.sendall(head.encode())
        start = b""
        while b"\r\n\r\n" not in start:
            start += client.recv(65536)
        assert start.startswith(b"HTTP/1.1 200"), start
        found = start.partition(b"\r\n\r\n")[2].count(b"x")
        buffer = bytearray(1 << 20)
        while count := client.recv_into(buffer):
            found += buffer.count(b"x", 0, count)
    return found


@contextmanager
def file_limit(most: int) -> Iterator[None]:
    """This process and those it starts have this limit of open files."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_a_thousand_idle_sockets_then_each_answers() -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    assert hard >= 4 * SOCKETS, f"the hard limit of open files is {hard}: raise it"

    async def talk(url: str) -> None:
        gate = asyncio.Semaphore(50)  # at once; the backlog of a listener has an end

        async def opened() -> ClientConnection:
            async with gate:
                return await connect(url, proxy=None, open_timeout=60, ping_interval=None)

        clients = await asyncio.gather(*(opened() for _ in range(SOCKETS)))
        for _ in range(2):
            await asyncio.gather(*(client.send(str(n)) for n, client in enumerate(clients)))
            answers = await asyncio.gather(*(client.recv() for client in clients))
            assert answers == [str(number) for number in range(SOCKETS)]
        await asyncio.gather(*(client.close() for client in clients))

    with file_limit(hard), service_process() as (_service, url_of_service):
        upstream = f"shop={url_of_service}"
        # The usual limit, which is less than what the gateway needs: it has to raise it.
        with file_limit(1024), gateway("--upstream", upstream) as (process, url):
            with file_limit(hard):
                asyncio.run(talk(f"ws://127.0.0.1:{port_of(url)}/shop/ws"))
            assert process.poll() is None
            assert httpx.get(f"{url}/shop/x").status_code == 200


def test_a_killed_service_takes_with_it_what_it_was_doing_and_nothing_else() -> None:
    crm = Service("crm")
    results: dict[str, Counter[int]] = {"shop": Counter(), "crm": Counter(), "both": Counter()}
    ending = threading.Event()
    with (
        service_process() as (victim, shop),
        service_process() as (_spare, spare),
        serving(crm) as crm_port,
    ):
        upstreams = {"shop": [shop], "crm": [f"http://127.0.0.1:{crm_port}"], "both": [shop, spare]}
        options = [
            option
            for prefix, urls in upstreams.items()
            for url in urls
            for option in ("--upstream", f"{prefix}={url}")
        ]
        with gateway(*options) as (_gateway, url), ThreadPoolExecutor(16) as threads:

            def ask(prefix: str) -> None:
                with httpx.Client(base_url=url, timeout=SECONDS) as client:
                    while not ending.is_set():
                        results[prefix][client.get(f"/{prefix}/x").status_code] += 1

            def seen(service: str) -> list[str]:
                found: list[str] = httpx.get(f"{service}/shop/seen", timeout=SECONDS).json()["seen"]
                return found

            def held() -> int:
                return httpx.get(f"{url}/shop/hold", timeout=2 * SECONDS).status_code

            asking = [threads.submit(ask, prefix) for prefix in ("crm", "both", "both", "crm")]
            in_flight = [threads.submit(held) for _ in range(8)]
            try:
                wait_for(lambda: all(results[prefix][200] > 50 for prefix in ("crm", "both")))
                wait_for(lambda: seen(shop).count("GET /shop/hold") == len(in_flight))
                assert not any(future.done() for future in in_flight)
                victim.send_signal(signal.SIGKILL)
                victim.wait(SECONDS)
                assert [future.result(2 * SECONDS) for future in in_flight] == [502] * 8
                before = {prefix: results[prefix][200] for prefix in ("crm", "both")}
                wait_for(lambda: all(results[key][200] > before[key] + 50 for key in before))
                assert httpx.get(f"{url}/shop/x").status_code in (502, 503)
                with service_process(port_of(shop)):
                    wait_for(lambda: httpx.get(f"{url}/shop/x").status_code == 200, 3 * SECONDS)
            finally:
                ending.set()
            for future in asking:
                future.result(SECONDS)
    # GETs that the killed one had not answered were asked of the other.
    assert set(results["both"]) == {200}, results
    assert set(results["crm"]) == {200}, results
