"""The content of the file that a `file:` address means."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pants.engine.download_file import URLDownloadHandler
from pants.engine.fs import CreateDigest, Digest, FileContent, NativeDownloadFile
from pants.engine.rules import Get, collect_rules, rule
from pants.engine.unions import UnionRule


class FileDownload(URLDownloadHandler):
    match_scheme = "file"


class FileDownloadError(Exception):
    """Which address, and what is wrong with its file."""


@rule
async def download(request: FileDownload) -> Digest:
    written = urlsplit(request.url).path
    path = unquote(written, errors="surrogateescape")
    if path == written:
        return await Get(Digest, NativeDownloadFile(request.url, request.expected_digest))
    file = FileContent(Path(path).name, expected_content(Path(path), request))
    return await Get(Digest, CreateDigest([file]))


def expected_content(path: Path, request: FileDownload) -> bytes:
    """The content of `path`, if it is what was asked for."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise FileDownloadError(
            f"Download of {request.url} failed: {path}: {error.strerror}. Fix: correct the address "
            "(`url_template` of a tool), or make that file."
        ) from error
    fingerprint, expected = hashlib.sha256(content).hexdigest(), request.expected_digest
    if (fingerprint, len(content)) != (expected.fingerprint, expected.serialized_bytes_length):
        raise FileDownloadError(
            f"Download of {request.url} failed: {path} has sha256={fingerprint} and "
            f"size={len(content)}, not {expected.fingerprint} and "
            f"{expected.serialized_bytes_length}. Fix: restore that file, or pin what it is "
            "(`known_versions` of a tool)."
        )
    return content


def rules() -> Iterable[object]:
    return (*collect_rules(), UnionRule(URLDownloadHandler, FileDownload))
