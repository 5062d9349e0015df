"""A client of the OCI distribution protocol. Standard library only.

Credentials are those of `docker login`: `auths`, `credHelpers` and `credsStore` of its
`config.json`. A registry of this machine (loopback) is spoken to without TLS.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.message import Message
from typing import IO, Any

INDEX_TYPES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
MANIFEST_TYPES = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
_LOOPBACK = re.compile(r"(localhost|127(\.\d+){3}|\[::1\])(:\d+)?")
_REFERENCE = re.compile(
    r"(?:(?P<host>[^/@]*[.:][^/@]*|localhost)/)?(?P<repository>[a-z0-9][a-z0-9._/-]*)"
    r"(?::(?P<tag>[\w][\w.-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)
_TIMEOUT = 60.0


class RegistryError(Exception):
    """What the registry refused, or what is wrong with a name, and the mend."""


@dataclass(frozen=True)
class Reference:
    """`host/repository:tag@digest`; one of the two last is there."""

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
        # What is official there has no name before the slash where people write it.
        repository = repository if "/" in repository else f"library/{repository}"
    digest = match["digest"] or ""
    return Reference(host, repository, match["tag"] or ("" if digest else "latest"), digest)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


class Registry:
    """One repository of a registry. Every method raises `RegistryError`."""

    def __init__(self, reference: Reference, plain_http: Sequence[str] = ()) -> None:
        self.host, self.repository = reference.host, reference.repository
        plain = self.host in plain_http or _LOOPBACK.fullmatch(self.host) is not None
        self.root = f"{'http' if plain else 'https'}://{self.host}"
        self._authorization = ""
        # Credentials are for the registry and not for the storage it sends us on to.
        self._opener = urllib.request.build_opener(_NoRedirect)

    def open(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: IO[bytes] | bytes | None = None,
        accepted: Sequence[int] = (200,),
    ) -> tuple[int, Message, IO[bytes]]:
        """Status, headers and body of the answer."""
        url = path if path.startswith("http") else f"{self.root}/v2/{self.repository}/{path}"
        status, answered, stream = self._send(method, url, headers, body)
        if status == 401:
            self._authorization = self._authorize(answered.get("WWW-Authenticate", ""))
            if body is not None and not isinstance(body, bytes):
                body.seek(0)
            status, answered, stream = self._send(method, url, headers, body)
        if status in (301, 302, 303, 307, 308) and method == "GET":
            moved = urllib.parse.urljoin(url, answered.get("Location", ""))
            try:
                again = urllib.request.urlopen(moved, timeout=_TIMEOUT)
            except OSError as error:
                raise RegistryError(
                    f"the storage of {self.host} does not answer: {error}"
                ) from error
            status, answered, stream = again.status, again.headers, again
        if status not in accepted:
            text = stream.read(2000).decode(errors="replace")
            raise RegistryError(
                f"the registry {self.host} answers {status} to {method} of "
                f"{self.repository}/{path}: {_errors(text)}"
            )
        return status, answered, stream

    def _send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        body: IO[bytes] | bytes | None,
    ) -> tuple[int, Message, IO[bytes]]:
        request = urllib.request.Request(url, body, dict(headers or {}), method=method)
        if self._authorization:
            request.add_unredirected_header("Authorization", self._authorization)
        try:
            answer = self._opener.open(request, timeout=_TIMEOUT)
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error
        except OSError as error:
            raise RegistryError(f"the registry {self.host} does not answer: {error}") from error
        return answer.status, answer.headers, answer

    def _authorize(self, challenge: str) -> str:
        """The header that the registry wants to see."""
        credentials = _credentials(self.host)
        if challenge.lower().startswith("basic"):
            if not credentials:
                raise RegistryError(
                    f"the registry {self.host} wants a login: docker login {self.host}"
                )
            return f"Basic {credentials}"
        fields = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
        if "realm" not in fields:
            raise RegistryError(
                f"the registry {self.host} asks for {challenge!r}, which is unknown"
            )
        query = urllib.parse.urlencode(
            {name: fields[name] for name in ("service", "scope") if name in fields}
        )
        request = urllib.request.Request(f"{fields['realm']}?{query}")
        if credentials:
            request.add_header("Authorization", f"Basic {credentials}")
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer:
                token = json.load(answer)
        except (OSError, ValueError) as error:
            raise RegistryError(f"no token for {self.host}/{self.repository}: {error}") from error
        return f"Bearer {token.get('token') or token.get('access_token')}"

    def manifest(self, name: str) -> tuple[bytes, str]:
        """A manifest or index by tag or digest: its bytes, which are checked, and its digest."""
        accept = ", ".join((*INDEX_TYPES, *MANIFEST_TYPES))
        _, _, stream = self.open("GET", f"manifests/{name}", headers={"Accept": accept})
        with stream:
            content = stream.read()
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        if name.startswith("sha256:") and name != digest:
            raise RegistryError(f"{self.host} sent {digest} for {self.repository}@{name}")
        return content, digest

    def download(self, digest: str, path: str) -> None:
        """Write a blob to a file, which is not there if the content is not what was asked for."""
        _, _, stream = self.open("GET", f"blobs/{digest}")
        found = hashlib.sha256()
        with stream, open(f"{path}.part", "wb") as file:
            while chunk := stream.read(1 << 20):
                found.update(chunk)
                file.write(chunk)
        if f"sha256:{found.hexdigest()}" != digest:
            os.remove(f"{path}.part")
            raise RegistryError(
                f"{self.host} sent sha256:{found.hexdigest()} for {self.repository}@{digest}"
            )
        os.replace(f"{path}.part", path)

    def has(self, kind: str, name: str) -> bool:
        """Whether it has a blob (`blobs`) or a manifest (`manifests`)."""
        accept = {"Accept": ", ".join((*INDEX_TYPES, *MANIFEST_TYPES))}
        status, _, stream = self.open("HEAD", f"{kind}/{name}", headers=accept, accepted=(200, 404))
        stream.close()
        return status == 200

    def upload(self, digest: str, path: str) -> None:
        """Send a blob."""
        _, headers, stream = self.open("POST", "blobs/uploads/", body=b"", accepted=(202,))
        stream.close()
        where = urllib.parse.urljoin(f"{self.root}/", headers["Location"])
        where += f"{'&' if '?' in where else '?'}digest={urllib.parse.quote(digest, safe='')}"
        sizes = {
            "Content-Length": str(os.path.getsize(path)),
            "Content-Type": "application/octet-stream",
        }
        with open(path, "rb") as file:
            self.open("PUT", where, headers=sizes, body=file, accepted=(201,))[2].close()

    def put_manifest(self, name: str, content: bytes, media_type: str) -> None:
        """Give a manifest a tag, or have it under its digest."""
        headers = {"Content-Type": media_type}
        self.open("PUT", f"manifests/{name}", headers=headers, body=content, accepted=(201,))[
            2
        ].close()


def _errors(text: str) -> str:
    try:
        return "; ".join(
            f"{each['code']}: {each['message']}" for each in json.loads(text)["errors"]
        )
    except (ValueError, KeyError, TypeError):
        return " ".join(text.split()) or "no reason given"


def _credentials(host: str) -> str:
    """`user:password` in base64, as `docker login` left it; "" for none."""
    folder = os.environ.get("DOCKER_CONFIG") or os.path.join(os.path.expanduser("~"), ".docker")
    try:
        with open(os.path.join(folder, "config.json"), encoding="utf-8") as file:
            config = json.load(file)
    except (OSError, ValueError):
        return ""
    helper = config.get("credHelpers", {}).get(host) or config.get("credsStore")
    if helper:
        done = subprocess.run(
            [f"docker-credential-{helper}", "get"],
            input=host.encode(),
            capture_output=True,
            check=False,
        )
        if done.returncode == 0:
            found = json.loads(done.stdout)
            return base64.b64encode(f"{found['Username']}:{found['Secret']}".encode()).decode()
    return str(config.get("auths", {}).get(host, {}).get("auth", ""))
