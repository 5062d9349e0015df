"""The rules about paths that other proxies get, against the gateway's own."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fastapp.gateway.config import GatewayConfig
from fastapp.gateway.export import render
from fastapp.gateway.paths import find_prefix, is_clean, is_internal, is_reserved

CONFIG = GatewayConfig(
    upstreams={"shop": ["http://10.0.0.1:81"], "v1/crm": ["http://10.0.0.2:82"]},
    default_upstreams=["http://10.0.0.3:83"],
)
pieces = st.sampled_from(
    [
        *(
            "/",
            "//",
            "%2f",
            "%2F",
            ";",
            ".",
            "..",
            "%2e",
            "%2E",
            "a",
            "shop",
            "v1",
            "crm",
            "v1/crm",
        ),
        *("internal", "_internal", "Internal", "%69nternal", "internals", "metrics", "%6Detrics"),
        *("docs", "openapi.json", "openapi%2ejson", "openapiXjson", "healthz", "?", "%3b"),
    ]
)
raw_paths = st.lists(pieces, max_size=7).map(lambda found: "/" + "".join(found))


def status_of_envoy(path: str) -> int:
    """What the routes say that come before those of the services; 0 when none does."""
    document = render("envoy", CONFIG, "127.0.0.1", 8000)
    found = json.loads("".join(line for line in document.splitlines() if not line.startswith("#")))
    (listener,) = found["static_resources"]["listeners"]
    manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
    for route in manager["route_config"]["virtual_hosts"][0]["routes"]:
        if "direct_response" not in route:
            break
        if re.fullmatch(route["match"]["safe_regex"]["regex"], path):
            status: int = route["direct_response"]["status"]
            return status
    return 0


def status_of_gateway(path: str) -> int:
    if re.fullmatch("/healthz(/live|/ready)?", path):
        return 200
    if not is_clean(path):
        return 400
    prefix = find_prefix(path, CONFIG.upstreams)
    if is_internal(path, prefix, CONFIG.internal_segments):
        return 404
    return 404 if prefix is None and is_reserved(path) else 0


@given(raw_paths)
@example("/shop/%69nternal")
@example("/a/%2e%2e/b")
@example("//healthz")
@example("/healthz/x")
def test_envoy_hides_what_the_gateway_hides(path: str) -> None:
    path = path.partition("?")[0]
    expected = status_of_gateway(path)
    if expected:
        assert status_of_envoy(path) == expected


def test_prefixes_that_look_alike_stay_two() -> None:
    urls = ["http://10.0.0.1:81"]
    config = GatewayConfig(upstreams={"a-b": urls, "a_b": urls, "a/b": urls})
    text = render("nginx", config, "127.0.0.1", 8000)
    assert len(set(re.findall("upstream ([^ ]+) {", text))) == 3


@pytest.mark.parametrize("kind", ["nginx", "traefik", "envoy"])
def test_an_address_of_version_six_is_written_as_one(kind: str) -> None:
    config = GatewayConfig(upstreams={"shop": ["http://[fd00::1]:81"]})
    text = render(kind, config, "::1", 8000)
    assert ("[fd00::1]:81" in text) or '"address": "fd00::1"' in text
    assert ("[::1]:8000" in text) or '"address": "::1"' in text
