"""One OpenAPI document of all services.

Names of one service never meet those of another: schemas, operation ids, tags and security schemes
get the service's prefix, always, so that they do not depend on which other services are up.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
from collections.abc import Mapping
from typing import Any, Final

import aiohttp
from yarl import URL

from fastapp import __version__
from fastapp.gateway.balancing import Pool
from fastapp.gateway.paths import is_internal
from fastapp.gateway.proxy import Proxy

logger = logging.getLogger("fastapp.gateway")

Document = dict[str, Any]

FETCH_TIMEOUT: Final = 5.0
#: Largest document that is read from a service.
MAX_DOCUMENT: Final = 16 * 1024 * 1024
#: Seconds that a merged document is served again.
LIFETIME: Final = 10.0

METHODS: Final = frozenset({"get", "put", "post", "delete", "options", "head", "patch", "trace"})
_REFERENCE = re.compile(r"#/components/([A-Za-z]+)/([^/]+)(.*)\Z", re.DOTALL)
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")


def merge(
    documents: Mapping[str, Document],
    *,
    stripped: frozenset[str] = frozenset(),
    internal: frozenset[str] = frozenset(),
    unavailable: tuple[str, ...] = (),
) -> Document:
    """The document of the gateway.

    Args:
        documents: those of the services, by prefix.
        stripped: prefixes whose services do not know them: their paths get the prefix here.
        internal: path parts that are not served from outside.
        unavailable: prefixes whose document could not be had; listed as ``x-unavailable``.
    """
    merged: Document = {
        "openapi": "3.1.0",
        "info": {"title": "QingKong gateway", "version": __version__},
        "paths": {},
    }
    components: dict[str, Document] = {}
    tags: dict[str, Document] = {}
    for prefix in sorted(documents):
        document = documents[prefix]
        mark = _UNSAFE.sub("_", prefix)
        paths = _paths(document, prefix, internal, add=prefix in stripped)
        for path, item in paths.items():
            merged["paths"][path] = _rename_item(item, document, prefix, mark)
        for kind, entries in _mapping(document.get("components")).items():
            for name, entry in _mapping(entries).items():
                renamed = _rename(entry, mark)
                components.setdefault(kind, {})[f"{mark}_{name}"] = renamed
        for tag in document.get("tags") or ():
            if isinstance(tag, dict) and isinstance(tag.get("name"), str):
                name = f"{prefix}: {tag['name']}"
                tags[name] = {**tag, "name": name}
    if components:
        merged["components"] = components
    if tags:
        merged["tags"] = list(tags.values())
    if unavailable:
        merged["x-unavailable"] = sorted(unavailable)
    return merged


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _paths(
    document: Document, prefix: str, internal: frozenset[str], *, add: bool
) -> dict[str, Document]:
    """The paths that the gateway sends to this service, as clients write them."""
    root = f"/{prefix}"
    found = {}
    for path, item in _mapping(document.get("paths")).items():
        outer = root + (path if path != "/" else "") if add else path
        if outer != root and not outer.startswith(f"{root}/"):
            continue  # the service's own health, for one
        if is_internal(outer, prefix, internal) or not isinstance(item, dict):
            continue
        found[outer] = item
    return found


def _rename_item(item: Document, document: Document, prefix: str, mark: str) -> Document:
    renamed = _rename(item, mark)
    for method, operation in renamed.items():
        if method not in METHODS or not isinstance(operation, dict):
            continue
        if isinstance(operation.get("operationId"), str):
            operation["operationId"] = f"{mark}_{operation['operationId']}"
        names = [name for name in operation.get("tags") or () if isinstance(name, str)]
        operation["tags"] = [f"{prefix}: {name}" for name in names] or [prefix]
        security = operation.get("security", document.get("security"))
        if isinstance(security, list):
            operation["security"] = [
                {f"{mark}_{name}": scopes for name, scopes in _mapping(choice).items()}
                for choice in security
            ]
    result: Document = renamed
    return result


def _rename(value: Any, mark: str, key: str = "") -> Any:
    """A copy in which every reference to a component has the new name."""
    if isinstance(value, dict):
        if key == "discriminator" and isinstance(value.get("mapping"), dict):
            mapping = {k: _reference(v, mark, bare=True) for k, v in value["mapping"].items()}
            return {**value, "mapping": mapping}
        return {
            name: _reference(entry, mark)
            if name == "$ref"
            else (
                entry
                if name in ("example", "examples", "default", "enum", "const")
                else _rename(entry, mark, name)
            )
            for name, entry in value.items()
        }
    if isinstance(value, list):
        return [_rename(entry, mark) for entry in value]
    return value


def _reference(value: Any, mark: str, *, bare: bool = False) -> Any:
    if not isinstance(value, str):
        return value
    match = _REFERENCE.match(value)
    if match is not None:
        return f"#/components/{match[1]}/{mark}_{match[2]}{match[3]}"
    # The mapping of a discriminator may name a schema without saying where it is.
    return f"{mark}_{value}" if bare and not _UNSAFE.search(value) else value


class Documents:
    """Fetches the documents of services and serves their merger for a while."""

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        self._cached: bytes = b""
        self._until = 0.0
        self._lock = asyncio.Lock()

    async def merged(self) -> bytes:
        """The merged document as JSON."""
        async with self._lock:
            if time.monotonic() >= self._until:
                self._cached = json.dumps(await self._merge(), ensure_ascii=False).encode()
                self._until = time.monotonic() + LIFETIME
            return self._cached

    async def _merge(self) -> Document:
        config = self._proxy.config
        pools = self._proxy.directory.pools
        found = await asyncio.gather(
            *(
                self._fetch(pool, prefix, prefix in config.strip_prefixes)
                for prefix, pool in pools.items()
            )
        )
        documents = {
            prefix: document
            for prefix, document in zip(pools, found, strict=True)
            if document is not None
        }
        return merge(
            documents,
            stripped=config.strip_prefixes,
            internal=config.internal_segments,
            unavailable=tuple(sorted(set(pools) - set(documents))),
        )

    async def _fetch(self, pool: Pool, prefix: str, stripped: bool) -> Document | None:
        """The document of a service, its paths as the gateway's clients write them."""
        upstream = pool.choose()
        if upstream is None:
            return None
        outer = await self._get(f"{upstream.url}/openapi.json")
        if stripped:
            return outer
        root = f"/{prefix}"
        if outer is not None and any(
            path == root or path.startswith(f"{root}/") for path in _mapping(outer.get("paths"))
        ):
            return outer
        # An app with an application of its own (asgi.py) has its document under its prefix.
        inner = await self._get(f"{upstream.url}{root}/openapi.json")
        if inner is None:
            return outer
        return {
            **inner,
            "paths": {root + path: item for path, item in _mapping(inner.get("paths")).items()},
        }

    async def _get(self, url: str) -> Document | None:
        host = URL(url).host or ""
        try:
            async with (
                asyncio.timeout(FETCH_TIMEOUT),
                self._proxy.connect().get(
                    URL(url, encoded=True),
                    allow_redirects=False,
                    headers={"Accept-Encoding": "identity", "Host": self._host(host)},
                ) as response,
            ):
                if response.status != 200:
                    return None
                text = bytearray()
                async for chunk in response.content.iter_any():
                    text += chunk
                    if len(text) > MAX_DOCUMENT:
                        return None
            document = json.loads(text)
        except (aiohttp.ClientError, TimeoutError, ValueError) as exc:
            logger.warning("no OpenAPI document at %s: %s", url, repr(exc))
            return None
        return document if isinstance(document, dict) else None

    def _host(self, host: str) -> str:
        """The Host header to ask with: one that the services allow, as they share settings."""
        allowed = [name for name in self._proxy.allowed_hosts if name != "*"]
        return allowed[0].lstrip(".") if allowed and host not in allowed else host
