"""For Traefik."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlsplit

from fastapp.gateway.config import GatewayConfig
from fastapp.gateway.export.routing import hidden_pattern, mark_of, routes_of

# Rules see a path in which encoded letters are decoded, and encoded marks such as slashes are not.
_SLASH: Final = "(/|%2f)"
_END: Final = "/|;|%2f|%3b"
# What dots mean differs between servers, so that rules about paths could be stepped around.
_DOTS: Final = r"(/|\\|%2f|%5c)(\.|%2e){1,2}(/|\\|%2f|%5c|$)"
#: Of all that tells where a request comes from, this is the one that Traefik leaves to strangers.
_STRANGERS: Final[dict[str, Any]] = {"headers": {"customRequestHeaders": {"Forwarded": ""}}}


def traefik_options(config: GatewayConfig, host: str, port: int) -> list[str]:
    """What the entry point has to be, as options of Traefik."""
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    options = [
        f"--entryPoints.web.address={address}",
        # Paths arrive as they were sent; what is hidden or has dots is refused by the rules.
        "--entryPoints.web.http.sanitizePath=false",
    ]
    if config.trusted_proxies:
        trusted = ",".join(config.trusted_proxies)
        options.append(f"--entryPoints.web.forwardedHeaders.trustedIPs={trusted}")
    return options


def traefik(config: GatewayConfig) -> dict[str, Any]:
    """The dynamic configuration of Traefik 3 (file provider); entry point "web"."""
    hidden = hidden_pattern(config, slash=_SLASH, end=_END)
    # What no rule takes is 404; a router without servers would say 503.
    refused = f"!PathRegexp(`(?i){hidden}`) && !PathRegexp(`(?i){_DOTS}`)"
    routers: dict[str, Any] = {}
    services: dict[str, Any] = {}
    middlewares: dict[str, Any] = {"qk_strangers": _STRANGERS}
    for prefix, urls in routes_of(config):
        mark = f"qk_{mark_of(prefix)}"
        rule = (
            "PathPrefix(`/`)"
            if prefix is None
            else f"Path(`/{prefix}`) || PathPrefix(`/{prefix}/`)"
        )
        used: dict[str, Any] = {"qk_strangers": _STRANGERS}
        if prefix in config.strip_prefixes:
            used[f"{mark}_strip"] = {"stripPrefix": {"prefixes": [f"/{prefix}"]}}
        # Traefik takes no path from the URL of a server.
        if base := urlsplit(urls[0]).path.rstrip("/"):
            used[f"{mark}_base"] = {"addPrefix": {"prefix": base}}
        middlewares |= used
        routers[mark] = {
            "rule": f"({rule}) && {refused}",
            "entryPoints": ["web"],
            "service": mark,
            "priority": 1 + len(prefix or ""),
            "middlewares": list(used),
        }
        services[mark] = {
            "loadBalancer": {
                "servers": [{"url": url} for url in urls],
                "passHostHeader": True,
                "serversTransport": "qk",
                # At once, for events.
                "responseForwarding": {"flushInterval": "-1"},
            }
        }
    transport = {
        "forwardingTimeouts": {
            "dialTimeout": f"{config.connect_timeout}s",
            "responseHeaderTimeout": f"{config.read_timeout}s",
        }
    }
    return {
        "http": {
            "routers": routers,
            "services": services,
            "middlewares": middlewares,
            "serversTransports": {"qk": transport},
        }
    }
