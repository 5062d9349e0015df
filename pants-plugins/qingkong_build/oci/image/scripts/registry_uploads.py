"""Sending a blob to a registry: in one request, or in chunks, which outlive a lost connection.

Standard library only.
"""

from __future__ import annotations

import os
import re
import urllib.parse
from collections.abc import Callable

from http_client import Answer, Client, HttpError, StatusError, TemporaryError

#: A blob of more bytes is sent in chunks of so many.
CHUNK_BYTES = 32 << 20
# After these, an upload that is begun again may succeed.
_BEGIN_AGAIN = frozenset({404, 408, 416, 429})
# What a registry answers that has forgotten an upload, or lost count of its bytes.
_FORGOTTEN = frozenset({404, 410, 416})
# What a registry answers to a chunk that takes none.
NO_CHUNKS = frozenset({405, 415, 501})
# The next attempt to send a chunk may succeed after these, once the registry has said what it has.
_ASK_AND_GO_ON = frozenset({408, 416, 425, 429, 500, 502, 503, 504})
_RANGE = re.compile(r"(?:bytes=)?0-(\d+)")
_BYTES = {"Content-Type": "application/octet-stream"}


def next_address(answer: Answer) -> str:
    """Where the upload goes on. It may be on another host, which is not told who we are."""
    return urllib.parse.urljoin(answer.url, answer.headers.get("Location", ""))


def finished(address: str, digest: str) -> str:
    """The address that makes a blob of an upload."""
    separator = "&" if "?" in address else "?"
    return f"{address}{separator}digest={urllib.parse.quote(digest, safe='')}"


def send_whole(once: Client, begun: Answer, path: str, digest: str) -> None:
    """Send a blob in one request.

    Args:
        once: a client that makes one attempt.
        begun: the answer that began the upload.
        path: the file with the blob.
        digest: of the blob.

    Raises:
        TemporaryError: an upload that is begun again may succeed.
        HttpError: it would not.
    """
    headers = {**_BYTES, "Content-Length": str(os.path.getsize(path))}
    try:
        with open(path, "rb") as file:
            address = finished(next_address(begun), digest)
            once.call("PUT", address, headers=headers, body=file, accepted=(201,))
    except HttpError as error:
        # Half of the blob may have arrived, so the rest cannot be sent once more.
        status = error.status if isinstance(error, StatusError) else 500
        if status >= 500 or status in _BEGIN_AGAIN:
            raise TemporaryError(error) from None
        raise


class ChunkedUpload:
    """A blob that is sent in chunks. Each chunk has as many attempts as a request has."""

    def __init__(
        self, client: Client, once: Client, begun: Answer, path: str, chunk_bytes: int
    ) -> None:
        self._client, self._once = client, once
        self._path, self._size = path, os.path.getsize(path)
        self._address = next_address(begun)
        least = begun.headers.get("OCI-Chunk-Min-Length", "")
        self._chunk_bytes = max(chunk_bytes, int(least) if least.isdigit() else 0)
        self._offset = 0
        # Whether the last request failed, so that only the registry knows what has arrived.
        self._is_lost = False

    def send(self, digest: str, is_stored: Callable[[], bool]) -> None:
        """Send all chunks and finish.

        Args:
            digest: of the blob.
            is_stored: whether the registry has the blob.

        Raises:
            TemporaryError: the registry has forgotten the upload; begun again, it may succeed.
            HttpError: it would not.
        """
        try:
            while self._offset < self._size:
                self._client.attempts(self._advance)
            self._client.attempts(lambda: self._finish(digest, is_stored))
        except StatusError as error:
            if error.status in _FORGOTTEN:
                raise TemporaryError(error) from None
            raise

    def _advance(self) -> None:
        try:
            if self._is_lost and self._ask():
                return
            self._send_chunk()
        except HttpError as error:
            self._lose(error)

    def _ask(self) -> bool:
        """Ask what the registry has; returns whether that is more than was known."""
        known = self._offset
        answer = self._once.call("GET", self._address, accepted=(200, 202, 204))
        if "Location" in answer.headers:
            self._address = next_address(answer)
        match = _RANGE.fullmatch(answer.headers.get("Range", ""))
        last = int(match[1]) if match else 0
        # Docker's registry says `0-0` of nothing, too.
        self._offset = last + 1 if last else 0
        self._is_lost = False
        return self._offset > known

    def _send_chunk(self) -> None:
        with open(self._path, "rb") as file:
            file.seek(self._offset)
            chunk = file.read(self._chunk_bytes)
        end = self._offset + len(chunk)
        headers = {
            **_BYTES,
            "Content-Length": str(len(chunk)),
            "Content-Range": f"{self._offset}-{end - 1}",
        }
        answer = self._once.call(
            "PATCH", self._address, headers=headers, body=chunk, accepted=(202,)
        )
        self._address, self._offset = next_address(answer), end

    def _finish(self, digest: str, is_stored: Callable[[], bool]) -> None:
        # The answer may have been lost, and not the request.
        if self._is_lost and is_stored():
            return
        address = finished(self._address, digest)
        try:
            self._once.call(
                "PUT", address, headers={"Content-Length": "0"}, body=b"", accepted=(201,)
            )
        except HttpError as error:
            self._lose(error)

    def _lose(self, error: HttpError) -> None:
        """Raise what failed; as temporary where the upload itself may still be there."""
        if isinstance(error, StatusError) and error.status not in _ASK_AND_GO_ON:
            raise error
        self._is_lost = True
        raise TemporaryError(error) from None
