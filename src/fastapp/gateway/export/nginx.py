"""For nginx."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from fastapp.gateway.config import GatewayConfig
from fastapp.gateway.export.routing import authority_of, hidden_pattern, mark_of, routes_of

_MAPS = r"""# Written by: manage.py gateway --print-config nginx. Include it in the http block.
map $http_upgrade $qk_upgrade { default ''; ~*^websocket$ websocket; }
map $http_upgrade $qk_connection { default ''; ~*^websocket$ upgrade; }
# An id of the caller is taken over when it is harmless, as the gateway does.
map $http_x_request_id $qk_request_id {
    default $request_id;
    "~^[A-Za-z0-9._:-]{1,128}$" $http_x_request_id;
}
# What a proxy that is trusted says is passed on and extended, of others nothing is believed.
map "$qk_trusted:$http_x_forwarded_for" $qk_for {
    default $remote_addr;
    "~^1:(?<qk_chain>.+)$" "$qk_chain, $remote_addr";
}
map "$qk_trusted:$http_x_forwarded_proto" $qk_proto {
    default $scheme;
    1:http http;
    1:https https;
}
map "$qk_trusted:$http_x_forwarded_host" $qk_host {
    default $http_host;
    "~^1:(?<qk_outer_host>.+)$" $qk_outer_host;
}
map "$qk_trusted:$http_x_forwarded_prefix" $qk_prefix {
    default '';
    "~^1:(?<qk_outer_prefix>.*[^/])/*$" $qk_outer_prefix;
}"""
_HEALTH = r"""    location ~ ^/healthz(/live|/ready)?$ {
        default_type application/json;
        return 200 '{"status":"ok"}';
    }"""
# What dots mean differs between servers, so that rules about paths could be stepped around.
# A backslash is four: nginx takes two in quotes for one, and so does the expression.
_DOTS = (
    r'    if ($request_uri ~* "^[^?]*(/|\\\\|%2f|%5c)(\.|%2e){1,2}(/|\\\\|%2f|%5c|\?|$)") '
    "{ return 400; }"
)


def nginx(config: GatewayConfig, host: str, port: int, hosts: Sequence[str] = ()) -> str:
    """For inclusion in the ``http`` block of nginx 1.18 and later."""
    lines = [*_trusted(config), *_MAPS.splitlines(), ""]
    for prefix, urls in routes_of(config):
        lines += _upstream(config, prefix, urls)
        if prefix in config.strip_prefixes:
            lines += _rest(prefix or "")
    listen = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    named = [item for item in hosts if item != "*"]
    if named and "*" not in hosts:
        lines += [
            "# Every other host.",
            "server {",
            f"    listen {listen} default_server;",
            _HEALTH,
            "    location / { return 400; }",
            "}",
            "",
        ]
    lines += [
        "server {",
        f"    listen {listen};",
        f"    server_name {' '.join(_quoted(item) for item in named) or '_'};",
        f"    client_max_body_size {config.max_body_bytes};",
        f"    client_header_timeout {_milliseconds(config.client_timeout)};",
        f"    client_body_timeout {_milliseconds(config.client_timeout)};",
        f"    large_client_header_buffers 4 {config.max_header_bytes // 1024}k;",
        "    # Slashes are the service's business.",
        "    merge_slashes off;",
        "    # A path as an answer's Location stays one.",
        "    absolute_redirect off;",
        _DOTS,
        _HEALTH,
        f"    location ~* {_quoted(hidden_pattern(config))} {{ return 404; }}",
    ]
    for prefix, urls in routes_of(config):
        lines += _locations(config, prefix, urls)
    if not config.default_upstreams:
        lines.append("    location / { return 404; }")
    lines += ["}", ""]
    return "\n".join(lines)


def _quoted(text: str) -> str:
    return f'"{text}"'


def _milliseconds(value: float) -> str:
    return f"{max(1, round(value * 1000))}ms"


def _trusted(config: GatewayConfig) -> list[str]:
    everyone = "*" in config.trusted_proxies
    lines = ["geo $qk_trusted {", f"    default {int(everyone)};"]
    lines += [f"    {address} 1;" for address in config.trusted_proxies if address != "*"]
    return [*lines, "}"]


def _upstream(config: GatewayConfig, prefix: str | None, urls: Sequence[str]) -> list[str]:
    lines = [f"upstream qk_{mark_of(prefix)} {{"]
    if config.balancing == "least-connections" and len(urls) > 1:
        lines.append("    least_conn;")
    for url in urls:
        name, number = authority_of(url)
        shown = f"[{name}]" if ":" in name else name
        timeout = max(1, round(config.eject_seconds))
        lines.append(f"    server {shown}:{number} max_fails=1 fail_timeout={timeout}s;")
    return [*lines, "    keepalive 64;", "}", ""]


def _rest(prefix: str) -> list[str]:
    """What is left of a path without its prefix, with the query, byte by byte."""
    pattern = re.escape(prefix)
    return [
        f"map $request_uri $qk_rest_{mark_of(prefix)} {{",
        "    default /;",
        f'    "~^/{pattern}(?<qk_path>/.*)$" $qk_path;',
        f'    "~^/{pattern}(?<qk_query>\\?.*)$" /$qk_query;',
        "}",
        "",
    ]


def _locations(config: GatewayConfig, prefix: str | None, urls: Sequence[str]) -> list[str]:
    parts = urlsplit(urls[0])
    strip = prefix in config.strip_prefixes
    mark = mark_of(prefix)
    # $request_uri is what the client sent, byte by byte; a plain proxy_pass would decode it.
    target = f"$qk_rest_{mark}" if strip else "$request_uri"
    body = [
        f"proxy_pass {parts.scheme}://qk_{mark}{parts.path.rstrip('/')}{target};",
        "proxy_http_version 1.1;",
        "proxy_set_header Connection $qk_connection;",
        "proxy_set_header Upgrade $qk_upgrade;",
        "proxy_set_header Host $http_host;",
        "proxy_set_header X-Forwarded-For $qk_for;",
        "proxy_set_header X-Forwarded-Proto $qk_proto;",
        "proxy_set_header X-Forwarded-Host $qk_host;",
        f"proxy_set_header X-Forwarded-Prefix $qk_prefix{f'/{prefix}' if strip else ''};",
        'proxy_set_header X-Real-IP "";',
        'proxy_set_header Forwarded "";',
        "proxy_set_header X-Request-ID $qk_request_id;",
        "proxy_request_buffering off;",
        "proxy_buffering off;",
        f"proxy_connect_timeout {_milliseconds(config.connect_timeout)};",
        f"proxy_read_timeout {_milliseconds(config.read_timeout)};",
        "proxy_next_upstream error;",
        f"proxy_next_upstream_tries {config.retries + 1};",
        *_redirects(prefix or "", urls, strip),
    ]
    starts = ["/"] if prefix is None else [f"= /{prefix}", f"/{prefix}/"]
    lines = []
    for start in starts:
        lines += [f"    location {start} {{", *(f"        {line}" for line in body), "    }"]
    return lines


def _redirects(prefix: str, urls: Sequence[str], strip: bool) -> list[str]:
    """A service's own address becomes the one of the client; a stripped prefix is put back."""
    public = "$qk_proto://$qk_host"
    root = f"/{prefix}" if strip else ""
    # A service that heeds X-Forwarded-Prefix has added the prefix already.
    bare = rf"/(?!/|{re.escape(prefix)}(?:[/?#]|$))" if strip else "/"
    lines = []
    for url in urls:
        parts = urlsplit(url)
        origin, base = f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/")
        if base:
            lines.append((rf"{origin}{base}", "/", f"{public}{root}"))
            lines.append((base, bare, root))
        lines.append((origin, bare, f"{public}{root}"))
        lines.append((origin, "/", public))
    if strip:
        lines.append(("", bare, root))
    made = [
        f'proxy_redirect "~^{re.escape(start)}{slash}(.*)$" {to}/$1;'
        for start, slash, to in dict.fromkeys(lines)
    ]
    if strip:
        own = "$scheme://$http_host"
        made += [f"proxy_redirect {own}{root}/ {public}{root}/;"]
        made += [f"proxy_redirect {own}/ {public}{root}/;"]
    else:
        made += [f"proxy_redirect $scheme://$http_host/ {public}/;"]
    return made
