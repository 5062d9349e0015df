"""Download one source distribution from a Python index and check it. Standard library only.

Speaks the simple repository API, as JSON (PEP 691) or HTML (PEP 503), so it works with any
index or mirror. Nothing inside the archive is read. Exits 1 with one message on any error;
the output file exists only if its size and sha256 are the ones asked for.
"""

from __future__ import annotations

import argparse
import hashlib
import html.parser
import http.client
import json
import os
import re
import sys
import urllib.parse

import download
from download import FetchError

_ACCEPT = "application/vnd.pypi.simple.v1+json, text/html;q=0.5"


class _Links(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        href = dict(attrs).get("href")
        if tag == "a" and href:
            self.links.append(href)


def normalise(project: str) -> str:
    """The name under which PEP 503 lists a project."""
    return re.sub(r"[-_.]+", "-", project).lower()


def links_of_page(body: bytes, content_type: str) -> list[str]:
    """The file links of an index page, absolute or relative to it."""
    if content_type.partition(";")[0].strip().endswith("+json"):
        return [file["url"] for file in json.loads(body)["files"]]
    parser = _Links()
    parser.feed(body.decode("utf-8", errors="replace"))
    return parser.links


def find_link(page_url: str, links: list[str], project: str, version: str) -> str | None:
    """The link to `project`-`version`.tar.gz, whichever way the file name is normalised."""
    wanted = {
        f"{name}-{version}.tar.gz"
        for name in (project, project.replace("-", "_"), normalise(project).replace("-", "_"))
    }
    for link in links:
        url = urllib.parse.urljoin(page_url, link)
        path = urllib.parse.unquote(urllib.parse.urlsplit(url).path)
        if os.path.basename(path) in wanted:
            return urllib.parse.urldefrag(url).url
    return None


def read(url: str) -> tuple[bytes, str, str]:
    """The body, content type and final address of `url`."""
    return download.read(url, accept=_ACCEPT)


def with_credentials_of(index: str, url: str) -> str:
    """`url` with the credentials of `index`, where it is on the same host."""
    given, parts = urllib.parse.urlsplit(index), urllib.parse.urlsplit(url)
    _, found, host = given.netloc.rpartition("@")
    if not found or (given.scheme, host) != (parts.scheme, parts.netloc):
        return url
    return parts._replace(netloc=given.netloc).geturl()


def check(body: bytes, *, target: str, filename: str, sha256: str, size: int | None) -> None:
    """Refuse a file that is not the one asked for."""
    if size is not None and len(body) != size:
        raise FetchError(
            f"{filename} has {len(body)} bytes, but the 'size' field in target {target} is {size}. "
            "Was another file published under this name? Compare it with a copy that you trust "
            "before you change the field."
        )
    actual = hashlib.sha256(body).hexdigest()
    if actual != sha256:
        raise FetchError(
            f"{filename} has sha256 {actual}, but the 'sha256' field in target {target} is "
            f"{sha256}. Nothing in it was run. Compare it with a copy that you trust before you "
            "change the field."
        )


def fetch(
    indexes: list[str], *, target: str, project: str, version: str, sha256: str, size: int | None
) -> bytes:
    """The verified bytes of the source distribution, from the first index that lists it."""
    problems = []
    for index in indexes:
        address = f"{index.rstrip('/')}/{normalise(project)}/"
        # What is told to people has no password.
        page, _ = download.without_credentials(address)
        try:
            body, content_type, final = read(address)
            link = find_link(final, links_of_page(body, content_type), project, version)
            if link is None:
                problems.append(f"{page} lists no {project}-{version}.tar.gz")
                continue
            content, _, _ = read(with_credentials_of(index, link))
        # The network's, and those of a page that is no index page.
        except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError) as error:
            problems.append(f"{page}: {type(error).__name__}: {error}")
            continue
        filename = os.path.basename(urllib.parse.urlsplit(link).path)
        check(content, target=target, filename=filename, sha256=sha256, size=size)
        return content
    raise FetchError(
        f"the source distribution of {project!r} {version!r} ('project' and 'version' fields in "
        f"target {target}) was not found: {'; '.join(problems)}. Correct the fields, or the "
        "index in [python-repos].indexes."
    )


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser()
    for name in ("target", "project", "version", "sha256", "out"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--size", type=int)
    parser.add_argument("--index", action="append", default=[])
    args = parser.parse_args(argv)
    return download.save(
        "native_wheel",
        args.out,
        lambda: fetch(
            args.index,
            target=args.target,
            project=args.project,
            version=args.version,
            sha256=args.sha256,
            size=args.size,
        ),
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
