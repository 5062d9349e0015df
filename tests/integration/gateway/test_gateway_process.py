"""``manage.py gateway`` as a process: memory, signals, its options."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from integration.gateway.services import Service
from integration.gateway.support import SECONDS, free_port, raw, serving, wait_for

import manage

START_SECONDS = 30.0
MIB = 1 << 20


def command(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("QK_")}
    return subprocess.Popen(
        [sys.executable, str(manage.__file__), "gateway", *arguments],
        env={
            **inherited,
            "PYTHONPATH": os.pathsep.join(os.path.abspath(entry) for entry in sys.path if entry),
            "QK_ALLOWED_HOSTS": "127.0.0.1",
            "QK_INSTALLED_APPS": "[]",
            **environment,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextmanager
def gateway(*arguments: str, **environment: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A running gateway and its URL; it is ended at the end of the block."""
    port = free_port()
    process = command("--port", str(port), *arguments, **environment)
    log: list[str] = []
    # Nobody else reads it, and a full pipe would stop the process.
    reader = threading.Thread(target=lambda: log.extend(process.stderr or ()), daemon=True)
    reader.start()
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and process.poll() is None:
            try:
                httpx.get(f"{url}/healthz/live")
                break
            except httpx.TransportError:
                time.sleep(0.05)
        assert process.poll() is None, "".join(log)
        yield process, url
    finally:
        if process.poll() is None:
            process.terminate()
        try:
            process.wait(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        reader.join(SECONDS)
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def resident(process: subprocess.Popen[str]) -> int:
    """Bytes of memory that the process has."""
    status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) * 1024


def test_uploads_and_downloads_are_not_held_in_memory() -> None:
    service = Service("shop")
    with serving(service) as port:
        with gateway("--upstream", f"shop=http://127.0.0.1:{port}") as (process, url):
            httpx.post(f"{url}/shop/sink", content=b"x" * MIB)
            before = resident(process)
            highest = before
            sent = 0

            def chunks() -> Iterator[bytes]:
                nonlocal highest, sent
                chunk = b"x" * MIB
                for _ in range(64):
                    highest = max(highest, resident(process))
                    sent += len(chunk)
                    yield chunk

            # The service begins late: whatever does not hold the client back must hold the data.
            answer = httpx.post(f"{url}/shop/sink?delay=0.3", content=chunks(), timeout=30)
            assert answer.json() == {"size": 64 * MIB}
            with httpx.stream("GET", f"{url}/shop/big?64", timeout=30) as download:
                received = 0
                for chunk in download.iter_raw():
                    received += len(chunk)
                    if received % (4 * MIB) < len(chunk):
                        highest = max(highest, resident(process))
            assert received == 64 * MIB
            assert highest - before < 24 * MIB, f"grew by {(highest - before) / MIB:.1f} MiB"


def test_sigterm_finishes_what_has_begun() -> None:
    service = Service("shop")
    with serving(service) as port:
        with gateway("--upstream", f"shop=http://127.0.0.1:{port}") as (process, url):
            refused: list[int] = []
            broken: list[str] = []
            answered: list[int] = []
            ending = threading.Event()

            def ask() -> None:
                while True:
                    # A connection of its own: whether it was taken is then known.
                    try:
                        with httpx.Client(timeout=SECONDS) as client:
                            answered.append(client.get(f"{url}/shop/slow").status_code)
                    except httpx.ConnectError:
                        refused.append(1)
                    except httpx.TransportError as exc:
                        broken.append(repr(exc))
                    if ending.is_set():
                        return

            with ThreadPoolExecutor(16) as threads:
                for _ in range(16):
                    threads.submit(ask)
                wait_for(lambda: len(answered) >= 16)
                wait_for(lambda: len(service.seen) % 16 != 0 or len(service.seen) > 32)
                process.send_signal(signal.SIGTERM)
                ending.set()
            assert process.wait(SECONDS) == 0
            assert broken == []
            assert set(answered) == {200}
            assert len(answered) >= 32 - len(refused)


def test_sigterm_cuts_off_what_does_not_end() -> None:
    service = Service("shop")
    with serving(service) as port, ThreadPoolExecutor(1) as threads:
        upstream = f"shop=http://127.0.0.1:{port}"
        with gateway("--upstream", upstream, QK_SHUTDOWN_TIMEOUT="1") as (process, url):
            hanging = threads.submit(httpx.get, f"{url}/shop/hang", timeout=SECONDS)
            wait_for(lambda: service.seen)
            began = time.monotonic()
            process.send_signal(signal.SIGTERM)
            process.wait(SECONDS)
            assert 0.8 < time.monotonic() - began < 6
            assert hanging.exception(SECONDS) is not None or hanging.result().status_code >= 500


def test_upstreams_come_from_the_environment_and_the_command_line() -> None:
    with serving(Service("one")) as one, serving(Service("two")) as two:
        first, second = f"http://127.0.0.1:{one}", f"http://127.0.0.1:{two}"
        environment = {"QK_UPSTREAMS": json.dumps({"shop": first, "crm": [first, second]})}
        options = ("--upstream", f"shop={second}", "--default-upstream", first)
        with gateway(*options, **environment) as (_process, url):
            assert httpx.get(f"{url}/shop/x").json()["service"] == "two"
            assert httpx.get(f"{url}/other").json()["service"] == "one"
            names = {httpx.get(f"{url}/crm/x").json()["service"] for _ in range(4)}
            assert names == {"one", "two"}
            wrong = httpx.get(f"{url}/shop/x", headers={"Host": "evil.example"})
            assert wrong.json()["error"] == "disallowed_host"


def test_installed_apps_are_found_at_their_ports() -> None:
    from fastapp.apps.ports import stable_port

    port = stable_port("shop")
    with gateway(QK_INSTALLED_APPS='["apps.shop"]') as (_process, url):
        answer = httpx.get(f"{url}/shop/x")
        # Nobody serves it here, and that it is known shows in 502 instead of 404.
        assert answer.status_code == 502, port
        assert httpx.get(f"{url}/nothing").status_code == 404
    with gateway(QK_INSTALLED_APPS='["apps.shop"]', QK_NO_EXPORT_APPS="shop") as (_process, url):
        assert httpx.get(f"{url}/shop/x").status_code == 404


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--upstream", "shop"), "expected PREFIX=URL"),
        (("--upstream", "shop=ftp://x"), "expected a URL such as"),
        (("--upstream", "healthz=http://x"), "used by the framework"),
        (("--default-upstream", "http://u:p@x"), "no user"),
    ],
)
def test_mistakes_end_the_command(arguments: tuple[str, ...], text: str) -> None:
    process = command(*arguments)
    _, log = process.communicate(timeout=START_SECONDS)
    assert process.returncode == 1
    assert text in log
    assert "Traceback" not in log


def test_other_proxies_get_the_routing() -> None:
    for kind, text in (
        ("nginx", "proxy_pass http://qk_app_shop$request_uri;"),
        ("traefik", '"url": "http://10.0.0.1:81"'),
        ("envoy", '"path_separated_prefix": "/shop"'),
    ):
        process = command("--print-config", kind, "--upstream", "shop=http://10.0.0.1:81")
        out, log = process.communicate(timeout=START_SECONDS)
        assert process.returncode == 0, log
        assert text in out


def test_raw_answers_are_one_write_and_kept_alive() -> None:
    """The gateway holds head and body back for a moment; nothing may be lost by that."""
    with serving(Service()) as port:
        with gateway("--upstream", f"shop=http://127.0.0.1:{port}") as (_process, url):
            number = int(url.rsplit(":", 1)[1])
            head = "GET /shop/{} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            asked = "".join(f"{head.format(name)}\r\n" for name in ("length", "big?1", "x"))
            last = head.format("empty") + "Connection: close\r\n\r\n"
            answer = raw(number, (asked + last).encode(), timeout=5)
            assert answer.count(b"HTTP/1.1 200") == 3
            assert answer.count(b"HTTP/1.1 204") == 1
            assert answer.count(b"x" * 1000) >= 1000
