"""The configurations for other proxies, run by them: nginx of the distribution, Envoy, Traefik.

Each does what the gateway does, as far as ``docs/gateway.md`` says so.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from integration.gateway.proxies import other_proxy
from integration.gateway.services import Service
from integration.gateway.support import SECONDS, echoed, json_of, raw, request, serving, wait_for
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

KINDS = ("nginx", "envoy", "traefik")
MIB = 1 << 20


@dataclass
class Proxied:
    """A proxy in front of two services.

    Attributes:
        kind: one of KINDS.
        port: of the proxy.
        shop: the service at "shop".
        crm: the service at "v1/crm", which does not know its prefix.
        crm_port: where it is.
        http: a client of the proxy.
    """

    kind: str
    port: int
    shop: Service
    crm: Service
    crm_port: int
    http: httpx.Client


@pytest.fixture(scope="module", params=KINDS)
def running(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxied]:
    """One of each kind for the module."""
    shop, crm = Service("shop"), Service("crm")
    with serving(shop) as shop_port, serving(crm) as crm_port:
        options = [
            f"--upstream=shop=http://127.0.0.1:{shop_port}",
            f"--upstream=v1/crm=http://127.0.0.1:{crm_port}",
        ]
        environment = {"QK_GATEWAY_STRIP_PREFIXES": '["v1/crm"]', "QK_ALLOWED_HOSTS": "*"}
        folder = tmp_path_factory.mktemp(request.param)
        with (
            other_proxy(request.param, folder, *options, **environment) as port,
            httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=SECONDS) as http,
        ):
            yield Proxied(request.param, port, shop, crm, crm_port, http)


@pytest.fixture
def proxied(running: Proxied) -> Proxied:
    """The one of the module, its records empty."""
    for service in (running.shop, running.crm):
        service.seen.clear()
        service.peers.clear()
    return running


def test_prefixes_go_to_their_services(proxied: Proxied) -> None:
    for path, service in (("/shop", "shop"), ("/shop/x", "shop"), ("/v1/crm/x", "crm")):
        assert proxied.http.get(path).json()["service"] == service
    for path in ("/", "/shopping", "/v1", "/v1/crmx", "/nothing/x"):
        assert proxied.http.get(path).status_code == 404, path
    assert proxied.shop.seen == ["GET /shop", "GET /shop/x"]
    assert proxied.crm.seen == ["GET /x"]


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        ("/shop/a%2Fb", "/shop/a%2Fb", ""),
        ("/shop//double///x", "/shop//double///x", ""),
        ("/shop?x=1", "/shop", "x=1"),
        ("/shop/?a=b%2Fc+d&&e=%E4&next=/a/../b", "/shop/", "a=b%2Fc+d&&e=%E4&next=/a/../b"),
        ("/shop/%E4%BD%A0;v=1,2@:!$&'()*", "/shop/%E4%BD%A0;v=1,2@:!$&'()*", ""),
        ("/v1/crm/a%2Fb?q=%20", "/a%2Fb", "q=%20"),
        ("/v1/crm", "/", ""),
        ("/v1/crm?x=1", "/", "x=1"),
        ("/v1/crm/v1/crm/x", "/v1/crm/x", ""),
    ],
)
def test_path_and_query_arrive_byte_by_byte(
    proxied: Proxied, target: str, path: str, query: str
) -> None:
    seen = json_of(raw(proxied.port, request(target)))
    assert (seen["raw_path"], seen["query"]) == (path, query)


@pytest.mark.parametrize(
    "path",
    [
        "/shop/internal",
        "/shop/_internal/x",
        "/shop/Internal/x",
        "/shop/%69nternal/x",
        "/shop//internal/x",
        "/shop/internal;v=1/x",
        "/shop/internal%3bv=1/x",
        "/shop/%2finternal/x",
        "/shop/internal%2fx",
        "/v1/crm/internal/x",
        "/internal/x",
        "/metrics",
        "/docs",
        "//healthz",
        "/healthz/x",
    ],
)
def test_hidden_paths_are_404(proxied: Proxied, path: str) -> None:
    assert raw(proxied.port, request(path)).startswith(b"HTTP/1.1 404")
    assert proxied.shop.seen + proxied.crm.seen == []


@pytest.mark.parametrize(
    "path",
    ["/shop/../x", "/shop/%2e%2E/x", "/shop/..%2fx", "/shop/.%5c", "/shop/.", "/shop/a%2f.?x"],
)
def test_dots_are_refused(proxied: Proxied, path: str) -> None:
    # Traefik has no rule that answers something else.
    status = b"404" if proxied.kind == "traefik" else b"400"
    assert raw(proxied.port, request(path)).startswith(b"HTTP/1.1 " + status)
    assert proxied.shop.seen + proxied.crm.seen == []


def test_a_stranger_can_not_forge_where_it_comes_from(proxied: Proxied) -> None:
    seen = echoed(
        proxied.port,
        "/shop/echo",
        "X-Forwarded-For: 203.0.113.9",
        "X-Forwarded-Proto: https",
        "X-Forwarded-Host: evil.example",
        "X-Forwarded-Prefix: /evil",
        "X-Real-IP: 203.0.113.9",
        "Forwarded: for=203.0.113.9",
        host="good.example",
    )
    assert seen["host"] == ["good.example"]
    assert seen["x-forwarded-for"] == ["127.0.0.1"]
    assert seen["x-forwarded-proto"] == ["http"]
    assert seen["x-forwarded-host"] == ["good.example"]
    assert not {"x-forwarded-prefix", "forwarded"} & set(seen)
    # Traefik tells it, too.
    assert seen.get("x-real-ip", ["127.0.0.1"]) == ["127.0.0.1"]
    seen = echoed(proxied.port, "/v1/crm/echo", "X-Forwarded-Prefix: /evil")
    assert seen["x-forwarded-prefix"] == ["/v1/crm"]


def test_ids_and_trace_context_pass(proxied: Proxied) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    seen = echoed(proxied.port, "/shop/echo", "X-Request-ID: abc-1", f"traceparent: {trace}")
    assert (seen["x-request-id"], seen["traceparent"]) == (["abc-1"], [trace])
    made = echoed(proxied.port, "/shop/echo").get("x-request-id", [])
    # Traefik makes none; the service does then.
    assert [len(one) >= 32 for one in made] == ([] if proxied.kind == "traefik" else [True])


def test_two_set_cookies_stay_two_and_hop_by_hop_headers_end(proxied: Proxied) -> None:
    answer = proxied.http.get("/shop/cookies")
    assert answer.headers.get_list("set-cookie") == ["a=1; Path=/", "b=2; HttpOnly"]
    assert "keep-alive" not in answer.headers
    seen = echoed(proxied.port, "/shop/echo", "TE: trailers", "Upgrade: h2c", "X-Kept: 1")
    assert "upgrade" not in seen
    assert seen["x-kept"] == ["1"]


def test_bodies_stream_without_a_limit(proxied: Proxied) -> None:
    whole = b"x" * (64 * MIB)
    answer = proxied.http.post("/shop/echo", content=whole, timeout=60).json()
    assert (answer["size"], answer["sha256"]) == (len(whole), hashlib.sha256(whole).hexdigest())
    pieces = (whole[:MIB] for _ in range(8))
    assert proxied.http.post("/v1/crm/echo", content=pieces).json()["size"] == 8 * MIB
    assert len(proxied.http.get("/shop/big?64", timeout=60).content) == 64 * MIB
    with proxied.http.stream("POST", "/shop/sink", content=trickle(proxied.shop)) as answer_of_sink:
        assert answer_of_sink.status_code == 200


def trickle(service: Service) -> Iterator[bytes]:
    """A body whose second part is sent when the service has the first."""
    service.read = 0
    yield b"first"
    wait_for(lambda: service.read == 5)
    yield b"second"


def test_events_arrive_one_by_one(proxied: Proxied) -> None:
    with proxied.http.stream("GET", "/shop/events") as answer:
        events = answer.iter_text()
        for number in range(3):
            assert next(events) == f"data: {number}\n\n"
            proxied.shop.gate.release()
        assert list(events) == []


def test_websockets_pass(proxied: Proxied) -> None:
    async def talk() -> None:
        for path in ("/shop/ws?a=b%2Fc", "/v1/crm/ws"):
            url = f"ws://127.0.0.1:{proxied.port}{path}"
            async with connect(
                url, proxy=None, subprotocols=[Subprotocol("v1"), Subprotocol("v2")]
            ) as client:
                assert client.subprotocol == "v2"
                assert client.response is not None
                assert client.response.headers.get_all("set-cookie") == ["ws=1", "ws2=2"]
                for message in ("grüße", b"\x00\xff", "x" * 300_000):
                    await client.send(message)
                    assert await client.recv() == message
                await client.close(4002, "done")

    asyncio.run(asyncio.wait_for(talk(), 30))
    wait_for(lambda: "closed 4002 done" in proxied.crm.seen)


def test_connections_to_a_service_are_used_again(proxied: Proxied) -> None:
    for _ in range(20):
        assert httpx.get(f"http://127.0.0.1:{proxied.port}/shop/x").status_code == 200
    assert len(proxied.shop.peers) < 5


def test_redirects_point_at_nginx(tmp_path: Path) -> None:
    service = Service()
    with serving(service) as number:
        origin = f"http://127.0.0.1:{number}"
        options = [f"--upstream=shop={origin}", f"--upstream=v1/crm={origin}"]
        options.append(f"--upstream=based={origin}/base")
        environment = {"QK_GATEWAY_STRIP_PREFIXES": '["v1/crm", "based"]', "QK_ALLOWED_HOSTS": "*"}
        with other_proxy("nginx", tmp_path, *options, **environment) as port:
            here = f"http://127.0.0.1:{port}"

            def location(prefix: str, to: str) -> str:
                answer = httpx.get(f"{here}/{prefix}/redirect?{to}")
                assert answer.status_code == 302
                found: str = answer.headers["location"]
                return found

            for to, expected in (
                (f"{origin}/a?b=c%2Fd", f"{here}/a?b=c%2Fd"),
                (f"{here}/a", f"{here}/a"),
                ("/shop/y", "/shop/y"),
                ("y", "y"),
                ("https://elsewhere.example/x", "https://elsewhere.example/x"),
                (f"https://elsewhere.example/{origin}/", f"https://elsewhere.example/{origin}/"),
            ):
                assert location("shop", to) == expected
            for to, expected in (
                (f"{origin}/a?b", f"{here}/v1/crm/a?b"),
                (f"{here}/a", f"{here}/v1/crm/a"),
                (f"{here}/v1/crm/a", f"{here}/v1/crm/a"),
                ("/a", "/v1/crm/a"),
                ("/v1/crm/a", "/v1/crm/a"),
                ("//elsewhere.example/a", "//elsewhere.example/a"),
            ):
                assert location("v1/crm", to) == expected
            assert location("based", f"{origin}/base/x") == f"{here}/based/x"
            assert location("based", "/base/x") == "/based/x"


def test_nginx_knows_whom_to_trust_and_its_hosts(tmp_path: Path) -> None:
    with serving(Service()) as number:
        option = f"--upstream=shop=http://127.0.0.1:{number}"
        environment = {
            "QK_ALLOWED_HOSTS": '["shop.example", ".sub.example"]',
            "QK_TRUSTED_PROXIES": '["127.0.0.0/8"]',
        }
        with other_proxy("nginx", tmp_path, option, **environment) as port:
            url = f"http://127.0.0.1:{port}/shop/echo"
            headers = {
                "Host": "shop.example",
                "X-Forwarded-For": "203.0.113.9, 10.0.0.1",
                "X-Forwarded-Proto": "https",
                "X-Forwarded-Host": "outer.example",
                "X-Forwarded-Prefix": "/outer/",
            }
            seen = dict(httpx.get(url, headers=headers).json()["headers"])
            assert seen["x-forwarded-for"] == "203.0.113.9, 10.0.0.1, 127.0.0.1"
            assert seen["x-forwarded-proto"] == "https"
            assert seen["x-forwarded-host"] == "outer.example"
            assert seen["x-forwarded-prefix"] == "/outer"
            for host, status in (
                ("a.sub.example", 200),
                ("shop.example:81", 200),
                ("other.example", 400),
                ("127.0.0.1", 400),
            ):
                assert httpx.get(url, headers={"Host": host}).status_code == status, host
            assert httpx.get(f"http://127.0.0.1:{port}/healthz/live").status_code == 200


def test_traefik_balances_knows_whom_to_trust_and_the_rest(tmp_path: Path) -> None:
    one, two = Service("one"), Service("two")
    with serving(one) as first, serving(two) as second:
        options = [
            f"--upstream=shop=http://127.0.0.1:{first}",
            f"--upstream=shop=http://127.0.0.1:{second}",
            f"--upstream=v1/based=http://127.0.0.1:{first}/base/",
            f"--default-upstream=http://127.0.0.1:{second}/rest",
        ]
        environment = {
            "QK_TRUSTED_PROXIES": '["127.0.0.0/8"]',
            "QK_GATEWAY_STRIP_PREFIXES": '["v1/based"]',
        }
        with other_proxy("traefik", tmp_path, *options, **environment) as port:
            url = f"http://127.0.0.1:{port}"
            assert {httpx.get(f"{url}/shop/x").json()["service"] for _ in range(4)} == {
                "one",
                "two",
            }
            for path, expected in (
                ("/v1/based/a%2Fb?q", "/base/a%2Fb"),
                ("/v1/based", "/base"),
                ("/v1/basedx", "/rest/v1/basedx"),
            ):
                assert httpx.get(f"{url}{path}").json()["raw_path"] == expected
            told = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}
            seen = dict(httpx.get(f"{url}/shop/echo", headers=told).json()["headers"])
            assert seen["x-forwarded-for"] == "203.0.113.9, 127.0.0.1"
            assert seen["x-forwarded-proto"] == "https"
            assert httpx.get(f"{url}/internal/x").status_code == 404


def test_envoy_knows_its_hosts_and_accepts_the_rest(tmp_path: Path) -> None:
    with serving(Service()) as number:
        options = [
            f"--upstream=shop=http://127.0.0.1:{number}/base",
            "--upstream=a-b=https://127.0.0.1:9",
            f"--default-upstream=http://127.0.0.1:{number}",
        ]
        environment = {
            "QK_ALLOWED_HOSTS": '["shop.example", ".sub.example"]',
            "QK_TRUSTED_PROXIES": "127.0.0.1",
        }
        with other_proxy("envoy", tmp_path, *options, **environment) as port:
            base = f"http://127.0.0.1:{port}"
            for host, status in (
                ("shop.example:81", 200),
                ("a.sub.example", 200),
                ("sub.example", 200),
                ("other.example", 400),
            ):
                answer = httpx.get(f"{base}/shop/x?q", headers={"Host": host})
                assert answer.status_code == status, host
            answer = httpx.get(f"{base}/shop/x?q", headers={"Host": "shop.example"})
            assert (answer.json()["raw_path"], answer.json()["query"]) == ("/base/shop/x", "q")
            rest = httpx.get(f"{base}/anything", headers={"Host": "shop.example"})
            assert rest.json()["raw_path"] == "/anything"
