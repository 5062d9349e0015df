"""Download one file of a package index and check it. Standard library only.

    fetch_file.py --url='https:${PYPI_FILES}/…/tiny-1.0-py3-none-any.whl' --sha256=… --out=…
    fetch_file.py --project=tiny --version=1.0 --sha256=… [--size=…] --out=…

The second form asks each index for the source distribution. Nothing in the arguments says who
downloads, or from which mirror: the sha256 says what the file is. The output file exists only if
it is that file. Exits 1 with one message on any error.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import dataclass

from http_client import FILE_BYTES, Client, HttpError, TooLargeError
from index_credentials import IndexCredentials
from network_settings import Settings, SettingsError, shown
from simple_index import ACCEPT, find_sdist, links_of_page, normalized


class FetchError(Exception):
    """Field, value, why, and how to fix it."""


@dataclass(frozen=True)
class Wanted:
    """What the file has to be."""

    sha256: str
    size: int | None = None

    @property
    def max_bytes(self) -> int:
        return FILE_BYTES if self.size is None else self.size

    def download(self, client: Client, url: str, out: str) -> None:
        """Save the file. Raises `FetchError`, and leaves none, if it is not the one wanted."""
        try:
            sha256 = client.save(url, out, max_bytes=self.max_bytes)
        except TooLargeError as error:
            if self.size is None:
                raise
            raise self._differs(url, "size", self.size, error.size) from None
        size = os.path.getsize(out)
        if (size, sha256) == (self.size or size, self.sha256):
            return
        os.remove(out)
        if self.size is not None and size != self.size:
            raise self._differs(url, "size", self.size, size)
        raise self._differs(url, "sha256", self.sha256, sha256)

    def _differs(self, url: str, field: str, wanted: object, actual: object) -> FetchError:
        return FetchError(
            f"{field}={wanted}: the file at {shown(url)} has {field} {actual}; nothing in it was "
            f"used. Fix: compare it with a copy that you trust before you change the {field}"
        )


def fetch_url(client: Client, url: str, wanted: Wanted, out: str) -> None:
    """Download the file at `url`, which may have `${NAME}`s of path mappings."""
    wanted.download(client, client.settings.mapped(url), out)


def fetch_sdist(client: Client, project: str, version: str, wanted: Wanted, out: str) -> None:
    """Download a source distribution from the first index that has it."""
    problems = []
    for index in client.settings.indexes:
        page_url = f"{index.rstrip('/')}/{normalized(project)}/"
        try:
            page = client.call("GET", page_url, headers={"Accept": ACCEPT})
            links = links_of_page(page.content, page.content_type)
            link = find_sdist(page.url, links, project, version)
            if link is None:
                files = f"no {project}-{version}.tar.gz" if links else "no files at all"
                problems.append(f"{shown(page_url)}: the page lists {files}")
                continue
            wanted.download(client, link, out)
        except HttpError as error:
            problems.append(f"{error.url}: {error.why} ({error.fix})")
        except ValueError as error:
            problems.append(f"{shown(page_url)}: {error}")
        else:
            return
    raise FetchError(
        f"project={project!r} version={version!r}: no index has its source distribution: "
        f"{'; '.join(problems) or 'there is no index'}. Fix: correct the fields, or the index in "
        "[python-repos].indexes"
    )


def main(argv: list[str], client: Client | None = None) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--url")
    parser.add_argument("--project")
    parser.add_argument("--version")
    parser.add_argument("--sha256", required=True)
    parser.add_argument("--size", type=int)
    parser.add_argument("--out", required=True)
    args = parser.parse_args(argv)
    wanted = Wanted(args.sha256, args.size)
    try:
        if client is None:
            settings = Settings.load()
            client = Client(settings, IndexCredentials(settings))
        if args.url:
            fetch_url(client, args.url, wanted, args.out)
        else:
            fetch_sdist(client, args.project, args.version, wanted, args.out)
    except (FetchError, HttpError, SettingsError) as error:
        print(f"{error}.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
