"""The routing of the gateway in the language of another proxy.

For teams that outgrow one process. What is written covers the routing, balancing, streaming,
WebSockets, time limits, hidden paths and X-Forwarded-* headers; CORS and the merged OpenAPI
document stay with the gateway, or go into the services.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from fastapp.gateway.config import GatewayConfig
from fastapp.gateway.export.envoy import envoy
from fastapp.gateway.export.nginx import nginx
from fastapp.gateway.export.traefik import traefik, traefik_options


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
    if kind == "envoy":
        return _yaml(envoy(config, host, port, hosts), kind)
    options = traefik_options(config, host, port)
    return _yaml(traefik(config), kind, "Start Traefik with this file and these options:", *options)


def _yaml(document: dict[str, Any], kind: str, *notes: str) -> str:
    """As JSON, which is YAML, below comments."""
    lines = [f"Written by: manage.py gateway --print-config {kind}.", *notes]
    head = "".join(f"# {line}\n" for line in lines)
    return head + json.dumps(document, indent=2) + "\n"
