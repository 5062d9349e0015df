"""What happens to headers on their way to a service and back. Pure functions, no I/O.

Headers are lists of pairs of bytes, in the order of the wire; names from the client are lower-case
already, as ASGI wants them. Repeated headers stay repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

Headers = list[tuple[bytes, bytes]]

#: Meant for one connection only, RFC 9110 section 7.6.1 and the ones of old.
HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
# Naming one of these in Connection is an attack on the framing or on the access rules of a
# service: they stay whatever Connection says.
_NEVER_NAMED = frozenset({b"content-length", b"host", b"x-request-id"})
# What the gateway says itself; from a stranger it is a lie.
_FORWARDING = (b"x-forwarded-", b"forwarded", b"x-real-ip", b"x-client-ip", b"x-original-")
# 100-continue is between the client and us: the body is asked for when the service takes it.
_OURS = frozenset({b"expect", b"host", b"x-request-id", b"traceparent", b"tracestate"})
_WEBSOCKET = b"sec-websocket-"


def named_by_connection(headers: Iterable[tuple[bytes, bytes]]) -> frozenset[bytes]:
    """Lower-case names that the Connection headers list."""
    found: set[bytes] = set()
    for name, value in headers:
        if name == b"connection" or name.lower() == b"connection":
            found.update(part.strip().lower() for part in value.split(b","))
    found -= {b"", b"close", b"keep-alive"}
    return frozenset(found - _NEVER_NAMED)


def first(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> bytes | None:
    """The first value of a header (lower-case name), or None."""
    for key, value in headers:
        if key == name:
            return value
    return None


def trust(addresses: Sequence[str]) -> Callable[[str], bool]:
    """A function that returns whether a peer is one of ``addresses``.

    Args:
        addresses: addresses, networks such as "10.0.0.0/8", or "*" for all.

    Raises:
        ValueError: one is neither.
    """
    everyone = "*" in addresses
    networks = [ip_network(item, strict=False) for item in addresses if item != "*"]

    @lru_cache(maxsize=4096)
    def is_trusted(peer: str) -> bool:
        if everyone:
            return True
        address = _address(peer)
        if address is None:
            return False
        return any(address in network for network in networks if network.version == address.version)

    return is_trusted


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        found = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(found, IPv6Address) and found in _MAPPED:
        # A socket that listens on IPv6 shows IPv4 peers as ::ffff:10.0.0.1.
        return found.ipv4_mapped
    return found


_MAPPED = IPv6Network("::ffff:0:0/96")


@dataclass(frozen=True, slots=True)
class Hop:
    """What the gateway knows of a request's connection.

    Attributes:
        peer: address that the connection comes from; "" when there is none (a Unix socket).
        trusted: the peer is one of TRUSTED_PROXIES.
        scheme: "http" or "https", of the connection.
        host: the Host header.
        request_id: the id to send on.
        prefix: what was stripped from the path, with the slash, or "".
        public: scheme and host that the client wrote, such as "https://example.com".
        trace: the headers traceparent and, where there is one, tracestate to send on.
    """

    peer: str
    trusted: bool
    scheme: str
    host: bytes
    request_id: str
    prefix: str = ""
    public: str = ""
    trace: Sequence[tuple[bytes, bytes]] = ()


def request_headers(headers: Headers, hop: Hop) -> Headers:
    """The headers that the service gets.

    Of a trusted proxy the X-Forwarded-* headers are kept and X-Forwarded-For is extended; of
    any other client they are replaced, so that a service reads what the gateway saw.
    """
    named = named_by_connection(headers)
    kept: Headers = [(b"host", hop.host)]
    for name, value in headers:
        if name in HOP_BY_HOP or name in _OURS or name in named:
            continue
        if name.startswith(_FORWARDING) and not (hop.trusted and _passes(name)):
            continue
        kept.append((name, value))
    forwarded = _forwarded(headers, hop) if hop.trusted else {}
    if hop.peer:
        chain = forwarded.get(b"x-forwarded-for", [])
        kept.append((b"x-forwarded-for", b", ".join([*chain, hop.peer.encode()])))
    proto = forwarded.get(b"x-forwarded-proto")
    kept.append((b"x-forwarded-proto", proto[0] if proto else hop.scheme.encode()))
    host = forwarded.get(b"x-forwarded-host")
    kept.append((b"x-forwarded-host", host[0] if host else hop.host))
    outer = forwarded.get(b"x-forwarded-prefix")
    prefix = (outer[0].rstrip(b"/") if outer else b"") + hop.prefix.encode()
    if prefix:
        kept.append((b"x-forwarded-prefix", prefix))
    kept.append((b"x-request-id", hop.request_id.encode()))
    kept.extend(hop.trace)
    return kept


_SET_BY_US = (
    b"x-forwarded-for",
    b"x-forwarded-proto",
    b"x-forwarded-host",
    b"x-forwarded-prefix",
)


def _passes(name: bytes) -> bool:
    """Whether a forwarding header of a trusted proxy is sent on as it is."""
    return name not in _SET_BY_US


def _forwarded(headers: Headers, hop: Hop) -> dict[bytes, list[bytes]]:
    found: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        if name in _SET_BY_US and value.strip():
            found.setdefault(name, []).append(value.strip())
    return found


def without_websocket(headers: Headers) -> Headers:
    """Without what belongs to one handshake: the client library makes its own."""
    return [item for item in headers if not item[0].startswith(_WEBSOCKET)]


def response_headers(
    headers: Iterable[tuple[bytes, bytes]],
    *,
    drop: frozenset[bytes] = frozenset(),
    location: Callable[[bytes], bytes] | None = None,
) -> Headers:
    """The headers that the client gets.

    Args:
        headers: of the service, names in any case.
        drop: further lower-case names that are left out.
        location: rewrites the value of Location and Content-Location.
    """
    source = list(headers)
    named = named_by_connection(source)
    kept: Headers = []
    for name, value in source:
        key = name.lower()
        if key in HOP_BY_HOP or key in named or key in drop:
            continue
        if location is not None and key in (b"location", b"content-location"):
            kept.append((name, location(value)))
        else:
            kept.append((name, value))
    return kept


@dataclass(frozen=True, slots=True)
class Rewrite:
    """Rewrites addresses of a service to those that the client knows.

    Attributes:
        upstream: origin of the service, such as "http://127.0.0.1:20001".
        base: path of the upstream's URL, "" for most.
        public: scheme and host that the client used, such as "https://example.com".
        prefix: what was stripped from the path of the request ("/shop"), or "".
    """

    upstream: str
    base: str
    public: str
    prefix: str = ""

    def __call__(self, location: bytes) -> bytes:
        """The address for the client; one of a third party is left alone, byte by byte."""
        text = location.decode("latin-1")
        try:
            parts = urlsplit(text)
            # Without a scheme ("//host/x") it is the one of the request.
            scheme = parts.scheme or urlsplit(self.public).scheme
            origin = _origin(scheme, parts.hostname, parts.port)
        except ValueError:
            return location
        if not parts.netloc:
            # Relative to the host: the path alone. Relative to the path: nothing to do.
            moved = self._path(text) if text.startswith("/") else text
            return moved.encode("latin-1")
        if origin not in self._ours(scheme):
            return location
        rest = text.split(parts.netloc, 1)[1]
        return (self.public + self._path(rest)).encode("latin-1")

    def _ours(self, scheme: str) -> set[tuple[str, str, int]]:
        up, public = urlsplit(self.upstream), urlsplit(self.public)
        ours = {_origin(up.scheme, up.hostname, up.port)}
        # A service behind TLS that ends here writes http:// before the host that it was told.
        ours.add(_origin(scheme, public.hostname, public.port))
        ours.add(_origin(scheme, up.hostname, up.port))
        return ours

    def _path(self, path: str) -> str:
        if self.base and (path == self.base or path.startswith((f"{self.base}/", f"{self.base}?"))):
            path = path[len(self.base) :]
        elif not self.prefix or path == self.prefix or path.startswith(f"{self.prefix}/"):
            # The last: the service heeds X-Forwarded-Prefix.
            return path
        if path and not path.startswith("/"):
            path = f"/{path}"
        return self.prefix + path


def _origin(scheme: str, host: str | None, port: int | None) -> tuple[str, str, int]:
    default = 443 if scheme == "https" else 80
    return scheme, (host or "").lower(), default if port is None else port
