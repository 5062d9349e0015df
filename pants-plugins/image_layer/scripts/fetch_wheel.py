"""Download one wheel and check its sha256. Standard library only.

The output file exists only if its bytes are the ones that the lockfile names; nothing in it is
read. Exits 1 with one message on any error.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import http.client
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

_TIMEOUT_SECONDS = 60
_ATTEMPTS = 3
_PAUSE_SECONDS = 1.0


class FetchError(Exception):
    """What went wrong, where, with which value, and the mend."""


def without_credentials(url: str) -> tuple[str, str]:
    """`url` without what is before the `@` of its host, and that, unquoted: `user:password`."""
    parts = urllib.parse.urlsplit(url)
    credentials, found, host = parts.netloc.rpartition("@")
    if not found:
        return url, ""
    return parts._replace(netloc=host).geturl(), urllib.parse.unquote(credentials)


def read(url: str) -> bytes:
    """The content at `url`, tried again where the network failed on the way."""
    address, credentials = without_credentials(url)
    request = urllib.request.Request(address)
    if credentials:
        encoded = base64.b64encode(credentials.encode()).decode()
        # Not given to where the answer may redirect to.
        request.add_unredirected_header("Authorization", f"Basic {encoded}")
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as response:
                content: bytes = response.read()
                return content
        except urllib.error.HTTPError as error:
            error.close()
            if error.code < 500 or attempt == _ATTEMPTS:
                raise
        except (OSError, http.client.HTTPException):
            if attempt == _ATTEMPTS:
                raise
        time.sleep(_PAUSE_SECONDS * attempt)
    raise AssertionError("the last attempt returns or raises")


def fetch(url: str, *, lockfile: str, sha256: str) -> bytes:
    """The verified bytes of the wheel at `url`."""
    address, _ = without_credentials(url)
    filename = os.path.basename(urllib.parse.urlsplit(address).path)
    try:
        content = read(url)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise FetchError(
            f"{filename} of {lockfile} could not be downloaded from {address}: "
            f"{type(error).__name__}: {error}. Check the network and the index settings "
            "([python-repos].path_mappings says which host the lockfile's files come from)."
        ) from error
    actual = hashlib.sha256(content).hexdigest()
    if actual != sha256:
        raise FetchError(
            f"{filename} from {address} has sha256 {actual}, but {lockfile} has {sha256}. Nothing "
            "in it was used. Compare it with a copy that you trust before you lock it again."
        )
    return content


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser()
    for name in ("url", "lockfile", "sha256", "out"):
        parser.add_argument(f"--{name}", required=True)
    args = parser.parse_args(argv)
    try:
        content = fetch(args.url, lockfile=args.lockfile, sha256=args.sha256)
    except FetchError as error:
        print(f"image_layer: {error}", file=sys.stderr)
        return 1
    partial = f"{args.out}.part"
    with open(partial, "wb") as file:
        file.write(content)
    os.replace(partial, args.out)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
