"""A client of the OCI distribution protocol. Standard library only.

A registry of this machine (loopback) is spoken to without TLS.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
import urllib.parse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from http_client import (
    FILE_BYTES,
    Answer,
    Client,
    HttpError,
    StatusError,
    TemporaryError,
    web_page,
)
from http_connection import Body, Limits
from network_settings import Settings, SettingsError
from registry_login import HUB, LoginError, api_host, is_hub
from registry_tokens import RegistryAuthorizer
from registry_uploads import CHUNK_BYTES, NO_CHUNKS, ChunkedUpload, send_whole

INDEX_TYPES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
MANIFEST_TYPES = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
_ACCEPT = {"Accept": ", ".join((*INDEX_TYPES, *MANIFEST_TYPES))}
_LOOPBACK = re.compile(r"(localhost|127(\.\d+){3}|\[::1\])(:\d+)?")
_REFERENCE = re.compile(
    r"(?:(?P<host>[^/@]*[.:][^/@]*|localhost)/)?(?P<repository>[a-z0-9][a-z0-9._/-]*)"
    r"(?::(?P<tag>[\w][\w.-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)
_MANIFEST_BYTES = 16 << 20
# What a registry that does not mount, or not from there, may answer to the attempt.
_NO_MOUNT = frozenset({401, 403, 404, 405})


class RegistryError(Exception):
    """What the registry refused, or what is wrong with a name, and how to fix it."""


@dataclass(frozen=True)
class Reference:
    """`host/repository:tag@digest`; it has a tag or a digest."""

    host: str
    repository: str
    tag: str
    digest: str

    def __str__(self) -> str:
        return f"{self.host}/{self.repository}" + (
            f"@{self.digest}" if self.digest else f":{self.tag}"
        )


def parse_reference(text: str, default_registry: str = "") -> Reference:
    """Take an image's name apart.

    Raises:
        RegistryError: it is no name, or has no registry and there is no default.
    """
    match = _REFERENCE.fullmatch(text)
    if match is None:
        raise RegistryError(f"{text!r} is no image name; write host/repository:tag, in lower case")
    host, repository = match["host"], match["repository"]
    if not host:
        if not default_registry:
            raise RegistryError(
                f"{text!r} names no registry. Write host/{text}, or set "
                "[image-assembly].default_registry to the registry that has it."
            )
        host = default_registry
        repository = repository if "/" in repository else f"library/{repository}"
    if is_hub(host):
        host = HUB
        # What is official there has no name before the slash where people write it.
        repository = repository if "/" in repository else f"library/{repository}"
    digest = match["digest"] or ""
    return Reference(host, repository, match["tag"] or ("" if digest else "latest"), digest)


class Registry:
    """One repository of a registry. Every method raises `RegistryError`."""

    def __init__(
        self,
        reference: Reference,
        plain_http: Sequence[str] = (),
        settings: Settings | None = None,
        limits: Limits | None = None,
        chunk_bytes: int = CHUNK_BYTES,
    ) -> None:
        self._chunk_bytes = chunk_bytes
        self.host, self.repository = reference.host, reference.repository
        plain = self.host in plain_http or _LOOPBACK.fullmatch(self.host) is not None
        self.root = f"{'http' if plain else 'https'}://{api_host(self.host)}"
        try:
            settings = settings or Settings.of_process()
            limits = limits or Limits.of(settings)
        except SettingsError as error:
            raise RegistryError(f"{error}") from None
        self._login = RegistryAuthorizer(settings, limits, self.root, self.host, self.repository)
        self._client = Client(settings, self._login, limits)
        once = dataclasses.replace(limits, attempts=1)
        self._client_of_uploads = Client(settings, self._login, once)

    def manifest(self, name: str) -> tuple[bytes, str]:
        """A manifest or index by tag or digest: its bytes, which are checked, and its digest."""
        answer = self._call("GET", f"manifests/{name}", headers=_ACCEPT, max_bytes=_MANIFEST_BYTES)
        if answer.content_type == "text/html":
            raise self._error("GET", f"manifests/{name}", web_page(answer.url))
        digest = f"sha256:{hashlib.sha256(answer.content).hexdigest()}"
        if name.startswith("sha256:") and name != digest:
            raise RegistryError(f"{self.host} sent {digest} for {self.repository}@{name}")
        return answer.content, digest

    def download(self, digest: str, path: str, size: int | None = None) -> None:
        """Write a blob to a file, which is only there if the content is what was asked for."""
        limit = FILE_BYTES if size is None else size
        try:
            sha256 = self._client.save(self._url(f"blobs/{digest}"), path, max_bytes=limit)
        except (HttpError, SettingsError, LoginError) as error:
            raise self._error("GET", f"blobs/{digest}", error) from None
        if f"sha256:{sha256}" != digest:
            os.remove(path)
            raise RegistryError(f"{self.host} sent sha256:{sha256} for {self.repository}@{digest}")

    def has(self, kind: str, name: str) -> bool:
        """Whether it has a blob (`blobs`) or a manifest (`manifests`)."""
        answer = self._call("HEAD", f"{kind}/{name}", headers=_ACCEPT, accepted=(200, 404))
        return answer.status == 200

    def upload(self, digest: str, path: str, sibling: str = "") -> bool:
        """Send a blob; returns whether the registry took it from its repository `sibling` instead.

        A large one goes in chunks, and goes on where a connection was lost.
        A registry that will not, or does not let us read there, is sent the blob.
        """
        mounted = False
        in_chunks = os.path.getsize(path) > self._chunk_bytes

        def attempt() -> None:
            nonlocal mounted, in_chunks
            begun = self._begin(digest, sibling)
            mounted = begun.status == 201
            if mounted:
                return
            once = self._client_of_uploads
            if not in_chunks:
                send_whole(once, begun, path, digest)
                return
            upload = ChunkedUpload(self._client, once, begun, path, self._chunk_bytes)
            try:
                upload.send(digest, lambda: self.has("blobs", digest))
            except StatusError as error:
                if error.status not in NO_CHUNKS:
                    raise
                in_chunks = False
                raise TemporaryError(error) from None

        try:
            self._client.attempts(attempt)
        except (HttpError, SettingsError, LoginError) as error:
            raise self._error("PUT", f"blobs/{digest}", error) from None
        return mounted

    def _begin(self, digest: str, sibling: str) -> Answer:
        """201 where the registry took the blob from `sibling`, 202 where it wants to be sent it."""
        uploads = "blobs/uploads/"
        if sibling:
            mount = f"{uploads}?{urllib.parse.urlencode({'mount': digest, 'from': sibling})}"
            try:
                return self._client.call("POST", self._url(mount), body=b"", accepted=(201, 202))
            except (HttpError, SettingsError, LoginError) as error:
                # Also of a token server that gives none for both repositories.
                if not (isinstance(error, StatusError) and error.status in _NO_MOUNT):
                    raise self._error("POST", mount, error) from None
        return self._call("POST", uploads, body=b"", accepted=(202,))

    def put_manifest(self, name: str, content: bytes, media_type: str) -> None:
        """Give a manifest a tag, or have it under its digest."""
        headers = {"Content-Type": media_type}
        self._call("PUT", f"manifests/{name}", headers=headers, body=content, accepted=(201,))

    def _url(self, path: str) -> str:
        return f"{self.root}/v2/{self.repository}/{path}"

    def _call(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: Body = None,
        accepted: Sequence[int] = (200,),
        max_bytes: int = _MANIFEST_BYTES,
    ) -> Answer:
        try:
            return self._client.call(
                method,
                self._url(path),
                headers=headers,
                body=body,
                accepted=accepted,
                max_bytes=max_bytes,
            )
        except (HttpError, SettingsError, LoginError) as error:
            raise self._error(method, path, error) from None

    def _error(self, method: str, path: str, error: Exception) -> RegistryError:
        what = f"{method} of {self.repository}/{path}"
        if isinstance(error, StatusError):
            if error.status == 401 and not self._login.has_login:
                return RegistryError(
                    f"the registry {self.host} wants a login for {what}. "
                    f"Fix: docker login {self.host}"
                )
            fix = f"docker login {self.host}" if error.status in (401, 403) else error.fix
            return RegistryError(
                f"the registry {self.host} answers {error.status} to {what}: "
                f"{_errors(error.text)}. Fix: {fix}"
            )
        if isinstance(error, HttpError):
            # Not its address, which may be that of an upload.
            return RegistryError(
                f"the registry {self.host} does not answer {what}: {error.why}. Fix: {error.fix}"
            )
        return RegistryError(f"{error}")


def _errors(text: str) -> str:
    """What a registry says in its own words."""
    try:
        errors = json.loads(text)["errors"]
        return "; ".join(f"{error['code']}: {error['message']}" for error in errors)
    except (ValueError, KeyError, TypeError):
        return " ".join(text.split())[:200] or "it gives no reason"
