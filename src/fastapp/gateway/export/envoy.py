"""For Envoy."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from fastapp.apps.registry import RESERVED_PREFIXES
from fastapp.gateway.config import GatewayConfig
from fastapp.gateway.export.routing import authority_of, mark_of, routes_of

_TYPE: Final = "type.googleapis.com/envoy.extensions."
_SLASH: Final = r"(?:/|%2f)"
#: A client may not set these.
_REMOVED_HEADERS: Final = ("x-real-ip", "forwarded", "x-forwarded-prefix")
# What dots mean differs between servers, so that rules about paths could be stepped around.
_DOTS: Final = r"(?i).*(/|\\|%2f|%5c)(\.|%2e){1,2}((/|\\|%2f|%5c).*)?"


def envoy(config: GatewayConfig, host: str, port: int, hosts: Sequence[str] = ()) -> dict[str, Any]:
    """A bootstrap of Envoy 1.30 and later."""
    manager = {
        "name": "envoy.filters.network.http_connection_manager",
        "typed_config": _manager(config, hosts),
    }
    listener = {
        "address": {"socket_address": {"address": host, "port_value": port}},
        "filter_chains": [{"filters": [manager]}],
    }
    clusters = [_cluster(config, prefix, urls) for prefix, urls in routes_of(config)]
    # Each letter of a hidden path has three spellings, and expressions are short by default.
    runtime = {"re2.max_program_size.error_level": 20000, "re2.max_program_size.warn_level": 20000}
    return {
        "layered_runtime": {"layers": [{"name": "expressions", "static_layer": runtime}]},
        "static_resources": {"listeners": [listener], "clusters": clusters},
    }


def _manager(config: GatewayConfig, hosts: Sequence[str]) -> dict[str, Any]:
    """What is done with requests."""
    router = {
        "name": "envoy.filters.http.router",
        "typed_config": {
            "@type": f"{_TYPE}filters.http.router.v3.Router",
            "suppress_envoy_headers": True,
        },
    }
    return {
        "@type": f"{_TYPE}filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "gateway",
        "use_remote_address": True,
        "normalize_path": False,
        "preserve_external_request_id": True,
        "server_header_transformation": "PASS_THROUGH",
        "max_request_headers_kb": min(8192, max(1, config.max_header_bytes // 1024)),
        "request_headers_timeout": _seconds(config.client_timeout),
        "route_config": {
            "ignore_port_in_host_matching": True,
            "virtual_hosts": _virtual_hosts(config, hosts),
        },
        "http_filters": [router],
    }


def _virtual_hosts(config: GatewayConfig, hosts: Sequence[str]) -> list[dict[str, Any]]:
    """The routes, for these host names; none of them, or "*", is any."""
    health = {
        "match": {"safe_regex": {"regex": "/healthz(/live|/ready)?"}},
        "direct_response": {"status": 200, "body": {"inline_string": '{"status":"ok"}'}},
    }
    routes = [
        health,
        _answer(_DOTS, 400),
        _answer(_hidden(config), 404),
        *(_route(config, prefix, urls) for prefix, urls in routes_of(config)),
    ]
    named = [item for item in hosts if item != "*"]
    if not named or "*" in hosts:
        return [{"name": "all", "domains": ["*"], "routes": routes}]
    domains = [domain for item in named for domain in _domains(item)]
    return [
        {"name": "allowed", "domains": domains, "routes": routes},
        {"name": "others", "domains": ["*"], "routes": [health, _answer(".*", 400)]},
    ]


def _seconds(value: float) -> str:
    return f"{value:.3f}s"


def _domains(host: str) -> list[str]:
    return [host[1:], f"*{host}"] if host.startswith(".") else [host]


def _answer(pattern: str, status: int) -> dict[str, Any]:
    return {
        "match": {"safe_regex": {"regex": pattern}},
        "direct_response": {"status": status},
    }


def _hidden(config: GatewayConfig) -> str:
    """Of the paths that are 404. Envoy compares what was sent, so encodings are spelled out."""
    roots = _any_of({*RESERVED_PREFIXES, *config.hidden_prefixes})
    found = [roots]
    if config.internal_segments:
        names = _any_of(config.internal_segments)
        if config.upstreams:
            names = f"(?:{_any_of(config.upstreams)}{_SLASH}+)?{names}"
        found.append(names)
    return f"(?i){_SLASH}+(?:{'|'.join(found)})(?:(?:/|;|%2f|%3b).*)?"


def _any_of(names: Iterable[str]) -> str:
    spelled = (
        "".join(f"(?:{re.escape(c)}|%{ord(c):02x}|%{ord(c.swapcase()):02x})" for c in name)
        for name in sorted(names)
    )
    return f"(?:{'|'.join(spelled)})"


def _route(config: GatewayConfig, prefix: str | None, urls: Sequence[str]) -> dict[str, Any]:
    strip = prefix in config.strip_prefixes
    base = urlsplit(urls[0]).path.rstrip("/")
    action: dict[str, Any] = {
        "cluster": mark_of(prefix),
        # Streams and uploads may take as long as they take; silence may not.
        "timeout": "0s",
        "idle_timeout": _seconds(config.read_timeout),
        "retry_policy": {"retry_on": "connect-failure", "num_retries": config.retries},
        "upgrade_configs": [{"upgrade_type": "websocket"}],
    }
    if strip or base:
        gone = f"^/{re.escape(prefix or '')}/?" if strip else "^/"
        action["regex_rewrite"] = {"pattern": {"regex": gone}, "substitution": f"{base}/"}
    headers = {"x-forwarded-host": "%REQ(:AUTHORITY)%"}
    if strip:
        headers["x-forwarded-prefix"] = f"/{prefix}"
    if not config.trusted_proxies:
        # Envoy appends to what a client says; this is what it saw itself.
        headers["x-forwarded-for"] = "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%"
    return {
        "match": {"prefix": "/"} if prefix is None else {"path_separated_prefix": f"/{prefix}"},
        "route": action,
        "request_headers_to_remove": list(_REMOVED_HEADERS),
        "request_headers_to_add": [
            {
                "header": {"key": key, "value": value},
                "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
            }
            for key, value in headers.items()
        ],
    }


def _cluster(config: GatewayConfig, prefix: str | None, urls: Sequence[str]) -> dict[str, Any]:
    endpoints = []
    for url in urls:
        name, number = authority_of(url)
        address = {"socket_address": {"address": name, "port_value": number}}
        endpoints.append({"endpoint": {"address": address}})
    least = config.balancing == "least-connections"
    cluster: dict[str, Any] = {
        "name": mark_of(prefix),
        "type": "STRICT_DNS",
        "connect_timeout": _seconds(config.connect_timeout),
        "lb_policy": "LEAST_REQUEST" if least else "ROUND_ROBIN",
        "outlier_detection": {"consecutive_gateway_failure": config.max_failures},
        "load_assignment": {
            "cluster_name": mark_of(prefix),
            "endpoints": [{"lb_endpoints": endpoints}],
        },
    }
    if urlsplit(urls[0]).scheme == "https":
        cluster["transport_socket"] = {
            "name": "envoy.transport_sockets.tls",
            "typed_config": {
                "@type": f"{_TYPE}transport_sockets.tls.v3.UpstreamTlsContext",
                "sni": authority_of(urls[0])[0],
                "common_tls_context": {
                    "validation_context": {
                        "trusted_ca": {"filename": "/etc/ssl/certs/ca-certificates.crt"}
                    }
                },
            },
        }
    return cluster
