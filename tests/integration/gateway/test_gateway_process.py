"""``manage.py gateway`` as a process: signals, its options."""

from __future__ import annotations

import json
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from integration.gateway.processes import command, gateway
from integration.gateway.services import Service
from integration.gateway.support import SECONDS, raw, serving, wait_for
from integration.programs import START_SECONDS


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
                before = len(answered)
                process.send_signal(signal.SIGTERM)
                ending.set()
            assert process.wait(SECONDS) == 0
            assert broken == []
            assert set(answered) == {200}
            assert len(answered) > before, "what the service had begun"


def test_sigterm_cuts_off_what_does_not_end() -> None:
    service = Service("shop")
    with serving(service) as port, ThreadPoolExecutor(1) as threads:
        upstream = f"shop=http://127.0.0.1:{port}"
        with gateway("--upstream", upstream, QK_SHUTDOWN_TIMEOUT="1") as (process, url):
            held = threads.submit(httpx.get, f"{url}/shop/hold", timeout=SECONDS)
            wait_for(lambda: service.seen)
            process.send_signal(signal.SIGTERM)
            assert process.wait(SECONDS) == 0
            # The service would have answered, in the end.
            assert held.exception(SECONDS) is not None or held.result().status_code >= 500
            service.gate.release()


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
        # Nothing serves it here, and that it is known shows in 502 instead of 404.
        assert answer.status_code == 502, port
        assert httpx.get(f"{url}/nothing").status_code == 404
    with gateway(QK_INSTALLED_APPS='["apps.shop"]', QK_NO_EXPORT_APPS="shop") as (_process, url):
        assert httpx.get(f"{url}/shop/x").status_code == 404


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--upstream", "shop"), "'shop' is not PREFIX=URL. Fix: "),
        (("--upstream", "shop=ftp://x"), "'ftp://x' is no URL of a service. Fix: "),
        (("--upstream", "healthz=http://x"), "used by the framework"),
        (("--default-upstream", "http://u:p@x"), "'http://***@x' has a user"),
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
            answer = raw(number, (asked + last).encode(), timeout=30)
            assert answer.count(b"HTTP/1.1 200") == 3
            assert answer.count(b"HTTP/1.1 204") == 1
            assert answer.count(b"x" * 1000) >= 1000
