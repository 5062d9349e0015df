"""The routing of the gateway in the language of another proxy.

For teams that outgrow one process. What is written covers the routing, balancing, streaming,
WebSockets, time limits, hidden paths and X-Forwarded-* headers; CORS and the merged OpenAPI
document stay with the gateway, or go into the services.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from fastapp.apps.registry import RESERVED_PREFIXES
from fastapp.gateway.config import GatewayConfig


def render(
    kind: str, config: GatewayConfig, host: str, port: int, *, hosts: Sequence[str] = ()
) -> str:
    """The configuration as text.

    Args:
        kind: "nginx", "traefik" or "envoy".
        config: what goes where.
        host: address to listen on.
        port: port to listen on.
        hosts: ALLOWED_HOSTS.
    """
    if kind == "nginx":
        return nginx(config, host, port, hosts)
    document = traefik(config, host, port) if kind == "traefik" else envoy(config, host, port)
    # JSON is YAML, and both read it.
    return json.dumps(document, indent=2) + "\n"


def _mark(prefix: str | None) -> str:
    return "default" if prefix is None else "app_" + re.sub(r"[^A-Za-z0-9]", "_", prefix)


def _routes(config: GatewayConfig) -> list[tuple[str | None, Sequence[str]]]:
    """Prefix and URLs, the longest prefix first; None is the default."""
    found: list[tuple[str | None, Sequence[str]]] = [
        (prefix, config.upstreams[prefix])
        for prefix in sorted(config.upstreams, key=lambda item: (-len(item), item))
    ]
    if config.default_upstreams:
        found.append((None, config.default_upstreams))
    return found


def _hidden_pattern(config: GatewayConfig) -> str:
    """A regular expression of the paths that are 404."""
    roots = sorted({*RESERVED_PREFIXES, *config.hidden_prefixes} - {"healthz"})
    any_root = "|".join(re.escape(item) for item in roots)
    if not config.internal_segments:
        return f"^/+({any_root})(/|;|$)"
    names = "|".join(re.escape(item) for item in sorted(config.internal_segments))
    prefixes = "|".join(re.escape(item) for item in sorted(config.upstreams))
    inner = f"(({prefixes})/+)?" if prefixes else ""
    return f"^/+({any_root}|{inner}({names}))(/|;|$)"


def _authority(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def nginx(config: GatewayConfig, host: str, port: int, hosts: Sequence[str] = ()) -> str:
    """For inclusion in the ``http`` block of nginx 1.18 and later."""
    lines = [
        "# Written by: manage.py gateway --print-config nginx. Include it in the http block.",
        "map $http_upgrade $qk_connection { default upgrade; '' ''; }",
        # An id of the caller is taken over when it is harmless, as the gateway does.
        "map $http_x_request_id $qk_request_id {",
        "    default $request_id;",
        '    "~^[A-Za-z0-9._:-]{1,128}$" $http_x_request_id;',
        "}",
        "",
    ]
    for prefix, urls in _routes(config):
        lines.append(f"upstream qk_{_mark(prefix)} {{")
        if config.balancing == "least-connections" and len(urls) > 1:
            lines.append("    least_conn;")
        for url in urls:
            name, number = _authority(url)
            shown = f"[{name}]" if ":" in name else name
            lines.append(
                f"    server {shown}:{number} max_fails=1 "
                f"fail_timeout={max(1, round(config.eject_seconds))}s;"
            )
        lines += ["    keepalive 64;", "}", ""]
    names = " ".join(f'"{item}"' for item in hosts if item != "*") or "_"
    listen = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    lines += [
        "server {",
        f"    listen {listen};",
        f"    server_name {names};",
        f"    client_max_body_size {config.max_body_bytes};",
        f"    client_header_timeout {_seconds(config.client_timeout)};",
        f"    client_body_timeout {_seconds(config.client_timeout)};",
        f"    large_client_header_buffers 4 {config.max_header_bytes // 1024}k;",
        "    # Slashes are the service's business.",
        "    merge_slashes off;",
    ]
    for address in config.trusted_proxies:
        lines.append(f"    set_real_ip_from {'0.0.0.0/0' if address == '*' else address};")
    if config.trusted_proxies:
        lines += ["    real_ip_header X-Forwarded-For;", "    real_ip_recursive on;"]
    lines += [
        "    location = /healthz {",
        "        default_type application/json;",
        """        return 200 '{"status":"ok"}';""",
        "    }",
        f'    location ~* "{_hidden_pattern(config)}" {{ return 404; }}',
    ]
    for prefix, urls in _routes(config):
        lines += _nginx_location(config, prefix, urls[0])
    if not config.default_upstreams:
        lines.append("    location / { return 404; }")
    lines += ["}", ""]
    return "\n".join(lines)


def _seconds(value: float) -> str:
    return f"{max(1, round(value * 1000))}ms"


def _nginx_location(config: GatewayConfig, prefix: str | None, url: str) -> list[str]:
    parts = urlsplit(url)
    root = "/" if prefix is None else f"/{prefix}/"
    strip = prefix in config.strip_prefixes
    # $request_uri is what the client sent, byte by byte; a plain proxy_pass would decode it.
    target = "$request_uri"
    body = []
    if strip:
        target = "$qk_rest"
        body = [
            "set $qk_rest /;",
            f'if ($request_uri ~ "^/{re.escape(prefix or "")}(/.*)$") {{ set $qk_rest $1; }}',
            f"proxy_set_header X-Forwarded-Prefix /{prefix};",
        ]
    forwarded = "$proxy_add_x_forwarded_for" if config.trusted_proxies else "$remote_addr"
    body += [
        f"proxy_pass {parts.scheme}://qk_{_mark(prefix)}{parts.path}{target};",
        "proxy_http_version 1.1;",
        "proxy_set_header Connection $qk_connection;",
        "proxy_set_header Upgrade $http_upgrade;",
        "proxy_set_header Host $http_host;",
        f"proxy_set_header X-Forwarded-For {forwarded};",
        "proxy_set_header X-Forwarded-Proto $scheme;",
        "proxy_set_header X-Forwarded-Host $http_host;",
        *([] if strip else ['proxy_set_header X-Forwarded-Prefix "";']),
        'proxy_set_header X-Real-IP "";',
        'proxy_set_header Forwarded "";',
        "proxy_set_header X-Request-ID $qk_request_id;",
        "proxy_request_buffering off;",
        "proxy_buffering off;",
        f"proxy_connect_timeout {_seconds(config.connect_timeout)};",
        f"proxy_read_timeout {_seconds(config.read_timeout)};",
        "proxy_next_upstream error;",
        f"proxy_next_upstream_tries {config.retries + 1};",
        f"proxy_redirect {url}/ $scheme://$http_host/{f'{prefix}/' if strip else ''};",
    ]
    starts = [root] if prefix is None else [f"= /{prefix}", root]
    lines = []
    for start in starts:
        lines += [f"    location {start} {{", *(f"        {line}" for line in body), "    }"]
    return lines


def traefik(config: GatewayConfig, host: str, port: int) -> dict[str, Any]:
    """The dynamic configuration of Traefik 3 (file provider); entry point "web"."""
    routers: dict[str, Any] = {
        "qk_hidden": {
            "rule": f"PathRegexp(`(?i){_hidden_pattern(config)}`)",
            "entryPoints": ["web"],
            "priority": 100000,
            "service": "qk_nothing",
        }
    }
    services: dict[str, Any] = {"qk_nothing": {"loadBalancer": {"servers": []}}}
    middlewares: dict[str, Any] = {}
    for prefix, urls in _routes(config):
        mark = f"qk_{_mark(prefix)}"
        rule = (
            "PathPrefix(`/`)"
            if prefix is None
            else f"Path(`/{prefix}`) || PathPrefix(`/{prefix}/`)"
        )
        router: dict[str, Any] = {"rule": rule, "entryPoints": ["web"], "service": mark}
        router["priority"] = 1 + len(prefix or "")
        if prefix in config.strip_prefixes:
            middlewares[f"{mark}_strip"] = {"stripPrefix": {"prefixes": [f"/{prefix}"]}}
            router["middlewares"] = [f"{mark}_strip"]
        routers[mark] = router
        services[mark] = {
            "loadBalancer": {
                "servers": [{"url": url} for url in urls],
                "passHostHeader": True,
                "serversTransport": "qk",
                # At once, for events.
                "responseForwarding": {"flushInterval": "-1"},
            }
        }
    http: dict[str, Any] = {
        "routers": routers,
        "services": services,
        "serversTransports": {
            "qk": {
                "forwardingTimeouts": {
                    "dialTimeout": f"{config.connect_timeout}s",
                    "responseHeaderTimeout": f"{config.read_timeout}s",
                }
            }
        },
    }
    if middlewares:
        http["middlewares"] = middlewares
    # The entry point is in Traefik's static configuration; this is what it should say.
    return {"http": http, "x-entryPoints": {"web": {"address": f"{host}:{port}"}}}


def envoy(config: GatewayConfig, host: str, port: int) -> dict[str, Any]:
    """A bootstrap of Envoy 1.30 and later."""
    hidden = {
        "match": {"safe_regex": {"regex": f"(?i){_hidden_pattern(config).rstrip('$')}.*"}},
        "direct_response": {"status": 404},
    }
    routes: list[dict[str, Any]] = [hidden]
    for prefix, _ in _routes(config):
        match = {"prefix": "/"} if prefix is None else {"path_separated_prefix": f"/{prefix}"}
        action: dict[str, Any] = {
            "cluster": _mark(prefix),
            # Streams and uploads may take as long as they take; silence may not.
            "timeout": "0s",
            "idle_timeout": f"{config.read_timeout}s",
            "retry_policy": {"retry_on": "connect-failure", "num_retries": config.retries},
            "upgrade_configs": [{"upgrade_type": "websocket"}],
        }
        if prefix in config.strip_prefixes:
            action["regex_rewrite"] = {
                "pattern": {"regex": f"^/{re.escape(prefix or '')}/?"},
                "substitution": "/",
            }
        routes.append({"match": match, "route": action})
    manager = {
        "@type": "type.googleapis.com/envoy.extensions.filters.network."
        "http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "gateway",
        "use_remote_address": True,
        "normalize_path": False,
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}]},
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
                },
            }
        ],
    }
    listener = {
        "address": {"socket_address": {"address": host, "port_value": port}},
        "filter_chains": [
            {
                "filters": [
                    {
                        "name": "envoy.filters.network.http_connection_manager",
                        "typed_config": manager,
                    }
                ]
            }
        ],
    }
    clusters = [_cluster(config, prefix, urls) for prefix, urls in _routes(config)]
    return {"static_resources": {"listeners": [listener], "clusters": clusters}}


def _cluster(config: GatewayConfig, prefix: str | None, urls: Sequence[str]) -> dict[str, Any]:
    endpoints = []
    for url in urls:
        name, number = _authority(url)
        address = {"socket_address": {"address": name, "port_value": number}}
        endpoints.append({"endpoint": {"address": address}})
    least = config.balancing == "least-connections"
    return {
        "name": _mark(prefix),
        "type": "STRICT_DNS",
        "connect_timeout": f"{config.connect_timeout}s",
        "lb_policy": "LEAST_REQUEST" if least else "ROUND_ROBIN",
        "outlier_detection": {"consecutive_gateway_failure": config.max_failures},
        "load_assignment": {
            "cluster_name": _mark(prefix),
            "endpoints": [{"lb_endpoints": endpoints}],
        },
    }
