"""What a gateway does: which prefixes go where, limits, time limits. Made from the settings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from fastapp.apps.registry import RESERVED_PREFIXES
from fastapp.exceptions import ImproperlyConfigured

if TYPE_CHECKING:
    from fastapp.apps.registry import Apps
    from fastapp.conf.base import BaseSettings

Balancing = Literal["least-connections", "round-robin"]

_PREFIX = re.compile(r"[A-Za-z0-9_~.-]+(/[A-Za-z0-9_~.-]+)*\Z")
_HOST = re.compile(r"[A-Za-z0-9_.-]+\Z|[0-9a-fA-F:.]+\Z")
_USER = re.compile(r"//.*@", re.DOTALL)
_BASE = re.compile(r"[A-Za-z0-9_~.%/-]*\Z")


@dataclass(frozen=True, slots=True)
class GatewayConfig:
    """Configuration of a gateway. Everything but ``upstreams`` has a default that works.

    Attributes:
        upstreams: URLs of services by prefix, several of one prefix for balancing.
        default_upstreams: URLs for paths that no prefix matches; without, they are 404.
        hidden_prefixes: prefixes that are 404, also with a default upstream.
        strip_prefixes: prefixes that are left out of the path that the service sees.
        internal_segments: lower-case path parts that are 404 at the root and after a prefix.
        trusted_proxies: addresses or networks whose X-Forwarded-* headers are believed.
        balancing: how one of several upstreams is chosen.
        max_body_bytes: largest request body; 0 for no limit.
        max_message_bytes: largest WebSocket message.
        max_header_bytes: largest request line with headers, of clients.
        connect_timeout: seconds until a service must have taken the connection.
        read_timeout: seconds that a service may be silent.
        client_timeout: seconds that a client may take for its headers, pause in its body, and take
            for the rest of a body behind its answer.
        keepalive_timeout: seconds that an idle connection to a service is kept. Less than the
            services' own (uvicorn: 5), or requests would meet connections that are just closing.
        retries: further upstreams that a request without effects is tried on.
        max_failures: answers in a row that a service may fail to give before it is left out.
        eject_seconds: for how long at first; doubled when it fails again after it was taken back,
            up to ``eject_seconds_max``. The only upstream of a prefix is never left out.
        docs: serve the merged OpenAPI document.
        metrics: serve Prometheus metrics at /metrics.
        metrics_token: what their reader must know; "" for nothing.
        access_log: write a line for each request.
        sample_ratio: share of the traces that begin here that are marked as sampled.
    """

    upstreams: Mapping[str, Sequence[str]] = field(default_factory=dict)
    default_upstreams: Sequence[str] = ()
    hidden_prefixes: frozenset[str] = frozenset()
    strip_prefixes: frozenset[str] = frozenset()
    internal_segments: frozenset[str] = frozenset({"internal", "_internal"})
    trusted_proxies: Sequence[str] = ()
    balancing: Balancing = "least-connections"
    max_body_bytes: int = 0
    max_message_bytes: int = 16 * 1024 * 1024
    max_header_bytes: int = 65536
    connect_timeout: float = 5.0
    read_timeout: float = 60.0
    client_timeout: float = 60.0
    keepalive_timeout: float = 4.0
    retries: int = 2
    max_failures: int = 3
    eject_seconds: float = 0.5
    eject_seconds_max: float = 15.0
    docs: bool = True
    metrics: bool = False
    metrics_token: str = field(default="", repr=False)
    access_log: bool = True
    sample_ratio: float = 1.0

    def __post_init__(self) -> None:
        for prefix, urls in self.upstreams.items():
            check_prefix(prefix, "upstreams")
            if not urls:
                raise ImproperlyConfigured(
                    f"upstreams: {prefix!r}: expected at least one URL. "
                    "Fix: add it, or remove the prefix"
                )
        unknown = sorted(self.strip_prefixes - set(self.upstreams))
        if unknown:
            raise ImproperlyConfigured(
                f"GATEWAY_STRIP_PREFIXES: {unknown[0]!r} is no prefix of the gateway "
                f"(known: {', '.join(sorted(self.upstreams)) or 'none'}). "
                "Fix: remove it, or add its upstreams to QK_UPSTREAMS"
            )


def check_prefix(prefix: str, where: str) -> str:
    """A prefix without slashes at the ends.

    Raises:
        ImproperlyConfigured: it is none, or the framework serves it itself.
    """
    bare = prefix.strip("/")
    if not _PREFIX.match(bare) or any(part in (".", "..") for part in bare.split("/")):
        raise ImproperlyConfigured(
            f"{where}: prefix {prefix!r} is not made of URL path parts. "
            "Fix: write it like 'shop' or 'v1/shop'"
        )
    if bare.split("/")[0] in RESERVED_PREFIXES:
        raise ImproperlyConfigured(
            f"{where}: prefix {bare!r} is used by the framework. Fix: choose another prefix"
        )
    return bare


def check_url(url: str, where: str) -> str:
    """The URL of a service: scheme, host, port and perhaps a path, without a slash at the end.

    Raises:
        ImproperlyConfigured: it is none.
    """
    fix = "Fix: write it like 'http://127.0.0.1:20001'"
    # A password is not for logs.
    shown = _USER.sub("//***@", url)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ImproperlyConfigured(f"{where}: {shown!r} is no URL of a service. {fix}") from None
    host = parts.hostname or ""
    # urlsplit() overlooks line ends.
    if (
        not url.isprintable()
        or parts.scheme not in ("http", "https")
        or not _HOST.match(host)
        or port == 0
    ):
        raise ImproperlyConfigured(f"{where}: {shown!r} is no URL of a service. {fix}")
    if parts.username is not None or parts.query or parts.fragment or not _BASE.match(parts.path):
        raise ImproperlyConfigured(
            f"{where}: {shown!r} has a user, a query, a fragment or a path with odd characters. "
            f"{fix}"
        )
    bracketed = f"[{host}]" if ":" in host else host
    number = f":{port}" if port is not None else ""
    return f"{parts.scheme}://{bracketed}{number}{parts.path.rstrip('/')}"


def parse_upstream(text: str, option: str = "--upstream") -> tuple[str, str]:
    """Prefix and URL of an option such as ``--upstream prefix=url``.

    Raises:
        ImproperlyConfigured: it is not of that form.
    """
    prefix, equals, url = text.partition("=")
    if not equals:
        raise ImproperlyConfigured(
            f"{option}: {_USER.sub('//***@', text)!r} is not PREFIX=URL. "
            "Fix: write it like 'shop=http://127.0.0.1:20001'"
        )
    return check_prefix(prefix, option), check_url(url.strip(), option)


def gateway_config(
    settings: BaseSettings,
    registry: Apps,
    *,
    upstreams: Iterable[tuple[str, str]] = (),
    default_upstreams: Iterable[str] = (),
) -> GatewayConfig:
    """The configuration that the settings and the command line say.

    An installed app is on this host at its own port unless UPSTREAMS, or ``upstreams``, names
    others. Each source replaces what the ones before say of a prefix: installed apps,
    EXTRA_PROXY, UPSTREAMS, the command line.

    Raises:
        ImproperlyConfigured: a prefix or a URL is wrong; names the setting.
    """
    hidden = {app.prefix for app in registry if app.label in settings.NO_EXPORT_APPS}
    found: dict[str, list[str]] = {
        app.prefix: [f"http://127.0.0.1:{app.service_port}"] for app in registry
    }
    for name, mapping in (("EXTRA_PROXY", settings.EXTRA_PROXY), ("UPSTREAMS", settings.UPSTREAMS)):
        for prefix, urls in mapping.items():
            where = f"{name}[{prefix!r}]"
            items = [urls] if isinstance(urls, str) else urls
            found[check_prefix(prefix, where)] = [check_url(url, where) for url in items]
    given: dict[str, list[str]] = {}
    for prefix, url in upstreams:
        given.setdefault(prefix, []).append(url)
    found.update(given)
    default = list(default_upstreams) or list(settings.GATEWAY_DEFAULT_UPSTREAM)
    return GatewayConfig(
        upstreams={prefix: urls for prefix, urls in found.items() if prefix not in hidden},
        default_upstreams=[check_url(url, "GATEWAY_DEFAULT_UPSTREAM") for url in default],
        hidden_prefixes=frozenset(hidden),
        strip_prefixes=frozenset(item.strip("/") for item in settings.GATEWAY_STRIP_PREFIXES),
        internal_segments=frozenset(item.lower() for item in settings.GATEWAY_INTERNAL_SEGMENTS),
        trusted_proxies=settings.TRUSTED_PROXIES,
        balancing=settings.GATEWAY_BALANCING,
        max_body_bytes=settings.GATEWAY_MAX_BODY_BYTES,
        max_message_bytes=settings.GATEWAY_MAX_MESSAGE_BYTES,
        max_header_bytes=settings.GATEWAY_MAX_HEADER_BYTES,
        connect_timeout=settings.GATEWAY_CONNECT_TIMEOUT,
        read_timeout=settings.GATEWAY_READ_TIMEOUT,
        client_timeout=settings.GATEWAY_CLIENT_TIMEOUT,
        keepalive_timeout=settings.GATEWAY_KEEPALIVE_TIMEOUT,
        retries=settings.GATEWAY_RETRIES,
        eject_seconds=settings.GATEWAY_EJECT_SECONDS,
        docs=settings.GATEWAY_DOCS,
        metrics=settings.METRICS_ENABLED,
        metrics_token=settings.METRICS_TOKEN,
        access_log=settings.ACCESS_LOG,
        sample_ratio=settings.TRACE_SAMPLE_RATIO,
    )
