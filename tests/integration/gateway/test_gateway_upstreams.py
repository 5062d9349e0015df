"""Upstreams that are several, dead, slow or back again; and the documents of all."""

from __future__ import annotations

import socket
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import pytest
from integration.gateway.conftest import Stack
from integration.gateway.services import Service
from integration.gateway.support import SECONDS, running_gateway, serving, wait_for
from integration.ports import free_port


def error_of(answer: httpx.Response) -> tuple[int, str]:
    body = answer.json()
    assert set(body) == {"error", "message", "detail", "request_id"}
    assert body["request_id"] == answer.headers["x-request-id"]
    return answer.status_code, body["error"]


@contextmanager
def rude_server(*, connections: list[bytes]) -> Iterator[int]:
    """Takes connections and a request, and closes without a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ending = threading.Event()

        def accept() -> None:
            while not ending.is_set():
                client, _ = listener.accept()
                with client:
                    client.settimeout(1)
                    connections.append(client.recv(65536))

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            ending.set()
            socket.create_connection(listener.getsockname()).close()
            thread.join(SECONDS)


def test_a_dead_service_is_502_and_serves_again_at_once() -> None:
    port_of_service = free_port()
    url = f"http://127.0.0.1:{port_of_service}"
    # Whoever left the only one out would do so for longer than the test waits.
    with running_gateway({"shop": [url]}, eject_seconds=60.0) as port:
        base = f"http://127.0.0.1:{port}"
        for _ in range(5):
            assert error_of(httpx.get(f"{base}/shop/x")) == (502, "bad_gateway")
        ready = httpx.get(f"{base}/healthz/ready")
        assert (ready.status_code, ready.json()["detail"]) == (
            503,
            {"services": {"shop": "unavailable"}},
        )
        assert httpx.get(f"{base}/healthz/live").json() == {"status": "ok"}
        with serving(Service(), port_of_service):
            assert httpx.get(f"{base}/shop/x").json()["service"] == "one"
            assert httpx.get(f"{base}/healthz/ready").status_code == 200
        # Killed with connections in the pool.
        assert error_of(httpx.get(f"{base}/shop/x")) == (502, "bad_gateway")
        with serving(Service(), port_of_service):
            assert httpx.get(f"{base}/shop/x").status_code == 200


def test_a_service_that_is_back_is_found_without_a_request() -> None:
    port_of_service = free_port()
    url = f"http://127.0.0.1:{port_of_service}"
    with running_gateway({"shop": [url]}) as port:
        ready = f"http://127.0.0.1:{port}/healthz/ready"
        assert httpx.get(f"http://127.0.0.1:{port}/shop/x").status_code == 502
        assert httpx.get(ready).status_code == 503
        with serving(Service(), port_of_service):
            # No request of a client: the probe alone.
            wait_for(lambda: httpx.get(ready).status_code == 200)


def test_two_upstreams_share_and_one_dead_is_not_noticed() -> None:
    one, two = Service("one"), Service("two")
    with serving(one) as first, ThreadPoolExecutor(8) as threads:
        with serving(two) as second:
            urls = [f"http://127.0.0.1:{number}" for number in (first, second)]
            with running_gateway({"shop": urls}, eject_seconds=0.2) as port:
                base = f"http://127.0.0.1:{port}/shop"
                named = Counter(httpx.get(f"{base}/x").json()["service"] for _ in range(10))
                assert named == {"one": 5, "two": 5}
                # One is busy: the other gets what comes meanwhile.
                held = threads.submit(httpx.get, f"{base}/hold", timeout=SECONDS)
                wait_for(lambda: "GET /shop/hold" in one.seen + two.seen)
                busy = one if "GET /shop/hold" in one.seen else two
                named = Counter(httpx.get(f"{base}/x").json()["service"] for _ in range(6))
                assert named[busy.name] == 0
                busy.gate.release()
                assert held.result(SECONDS).status_code == 200
        dead = free_port()
        urls = [f"http://127.0.0.1:{number}" for number in (first, dead)]
        with running_gateway({"shop": urls}, eject_seconds=5.0) as port:
            for _ in range(6):
                assert httpx.get(f"http://127.0.0.1:{port}/shop/x").json()["service"] == "one"


def test_round_robin_takes_turns_whatever_is_in_flight() -> None:
    one, two = Service("one"), Service("two")
    with serving(one) as first, serving(two) as second, ThreadPoolExecutor(1) as threads:
        urls = [f"http://127.0.0.1:{number}" for number in (first, second)]
        with running_gateway({"shop": urls}, balancing="round-robin") as port:
            base = f"http://127.0.0.1:{port}/shop"
            held = threads.submit(httpx.get, f"{base}/hold", timeout=SECONDS)
            wait_for(lambda: one.seen + two.seen)
            named = Counter(httpx.get(f"{base}/x").json()["service"] for _ in range(6))
            assert named == {"one": 3, "two": 3}
            one.gate.release()
            two.gate.release()
            held.result(SECONDS)


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"])
def test_requests_without_effects_are_tried_again(method: str) -> None:
    tries: list[bytes] = []
    with serving(Service("one")) as good, rude_server(connections=tries) as rude:
        urls = [f"http://127.0.0.1:{number}" for number in (rude, good)]
        with running_gateway({"shop": urls}) as port:
            answer = httpx.request(method, f"http://127.0.0.1:{port}/shop/x")
            assert answer.status_code == 200
            assert len(tries) >= 1


@pytest.mark.parametrize(
    ("method", "body", "count"), [("GET", b"", 2), ("PUT", b"abc", 1), ("POST", b"", 1)]
)
def test_what_the_http_client_repeats_without_retries(method: str, body: bytes, count: int) -> None:
    tries: list[bytes] = []
    with rude_server(connections=tries) as rude:
        with running_gateway({"shop": [f"http://127.0.0.1:{rude}"]}, retries=0) as port:
            answer = httpx.request(method, f"http://127.0.0.1:{port}/shop/x", content=body)
            assert error_of(answer) == (502, "bad_gateway")
            assert len(tries) == count


@pytest.mark.parametrize("method", ["POST", "PATCH"])
@pytest.mark.parametrize("body", [b"", b"abc"])
def test_requests_with_effects_are_sent_once(method: str, body: bytes) -> None:
    tries: list[bytes] = []
    one = Service("one")
    with serving(one) as good, rude_server(connections=tries) as rude:
        urls = [f"http://127.0.0.1:{number}" for number in (rude, good)]
        with running_gateway({"shop": urls}) as port:
            answer = httpx.request(method, f"http://127.0.0.1:{port}/shop/x", content=body)
            assert error_of(answer) == (502, "bad_gateway")
            assert len(tries) == 1
            assert one.seen == []


@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT"])
@pytest.mark.parametrize("body", [b"", b"abc"])
def test_what_reached_no_service_is_sent_to_another(method: str, body: bytes) -> None:
    one = Service("one")
    with serving(one) as good:
        urls = [f"http://127.0.0.1:{number}" for number in (free_port(), good)]
        with running_gateway({"shop": urls}) as port:
            answer = httpx.request(method, f"http://127.0.0.1:{port}/shop/x", content=body)
            assert answer.status_code == 200, answer.text
            assert one.seen == [f"{method} /shop/x"]


def test_a_body_is_not_sent_twice() -> None:
    tries: list[bytes] = []
    one = Service("one")
    with serving(one) as good, rude_server(connections=tries) as rude:
        urls = [f"http://127.0.0.1:{number}" for number in (rude, good)]
        with running_gateway({"shop": urls}) as port:
            answer = httpx.put(f"http://127.0.0.1:{port}/shop/x", content=b"abc")
            assert error_of(answer) == (502, "bad_gateway")
            assert (len(tries), one.seen) == (1, [])


def test_errors_of_a_service_are_its_answers(stack: Stack) -> None:
    tries: list[bytes] = []
    with rude_server(connections=tries) as rude:
        with running_gateway({"shop": [f"http://127.0.0.1:{rude}"]}, eject_seconds=9.0) as port:
            url = f"http://127.0.0.1:{port}/shop/x"
            assert [httpx.post(url).status_code for _ in range(4)] == [502] * 4
    assert stack.http.get("/other/x").status_code == 404


def test_a_slow_service_is_504_and_stays() -> None:
    service = Service()
    with serving(service) as port_of_service:
        url = f"http://127.0.0.1:{port_of_service}"
        with running_gateway({"shop": [url]}, read_timeout=0.3) as port:
            base = f"http://127.0.0.1:{port}/shop"
            assert error_of(httpx.get(f"{base}/hang")) == (504, "gateway_timeout")
            assert service.seen == ["GET /shop/hang"], "it may be working on it: no second try"
            assert httpx.get(f"{base}/x").status_code == 200


def test_documents_are_merged() -> None:
    with (
        serving(Service("shop")) as shop,
        serving(Service("crm")) as crm,
        running_gateway(
            {
                "shop": [f"http://127.0.0.1:{shop}"],
                "crm": [f"http://127.0.0.1:{crm}"],
                "down": [f"http://127.0.0.1:{free_port()}"],
            }
        ) as port,
    ):
        base = f"http://127.0.0.1:{port}"
        document = httpx.get(f"{base}/openapi.json").json()
        assert set(document["paths"]) == {"/shop/items", "/crm/items"}
        operation = document["paths"]["/crm/items"]["get"]
        assert (operation["operationId"], operation["tags"]) == ("crm_list", ["crm"])
        schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
        assert schema == {"$ref": "#/components/schemas/crm_Item"}
        schemas = document["components"]["schemas"]
        assert {name: item["title"] for name, item in schemas.items()} == {
            "crm_Item": "crm",
            "shop_Item": "shop",
        }
        assert document["x-unavailable"] == ["down"]
        page = httpx.get(f"{base}/docs")
        assert page.headers["content-type"].startswith("text/html")
        assert "openapi.json" in page.text
