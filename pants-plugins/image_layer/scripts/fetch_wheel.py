"""Download one wheel and check its sha256. Standard library only.

The output file exists only if its bytes are the ones that the lockfile names; nothing in it is
read. Exits 1 with one message on any error.
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import os
import sys
import urllib.parse

from download import FetchError, read, save, without_credentials


def fetch(url: str, *, lockfile: str, sha256: str) -> bytes:
    """The verified bytes of the wheel at `url`."""
    address, _ = without_credentials(url)
    filename = os.path.basename(urllib.parse.urlsplit(address).path)
    try:
        content = read(url).content
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
    return save(
        "image_layer",
        args.out,
        lambda: fetch(args.url, lockfile=args.lockfile, sha256=args.sha256),
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
