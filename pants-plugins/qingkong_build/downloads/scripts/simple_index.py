"""The simple repository API of package indexes, JSON (PEP 691) or HTML (PEP 503)."""

from __future__ import annotations

import html.parser
import json
import os
import re
import urllib.parse

ACCEPT = "application/vnd.pypi.simple.v1+json, text/html;q=0.5"


class _Links(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        href = dict(attrs).get("href")
        if tag == "a" and href:
            self.links.append(href)


def normalized(project: str) -> str:
    """The name under which PEP 503 lists a project."""
    return re.sub(r"[-_.]+", "-", project).lower()


def links_of_page(body: bytes, content_type: str) -> list[str]:
    """The file links of an index page, absolute or relative to it.

    Raises:
        ValueError: it is no page of an index.
    """
    if content_type.endswith("json"):
        try:
            return [str(file["url"]) for file in json.loads(body)["files"]]
        except (KeyError, TypeError) as error:
            raise ValueError(f"it has no list of files ({type(error).__name__}: {error})") from None
    parser = _Links()
    parser.feed(body.decode("utf-8", errors="replace"))
    return parser.links


def find_sdist(page_url: str, links: list[str], project: str, version: str) -> str | None:
    """The link to `project`-`version`.tar.gz, whichever way the file name is normalized."""
    for link in links:
        url = urllib.parse.urldefrag(urllib.parse.urljoin(page_url, link)).url
        filename = os.path.basename(urllib.parse.unquote(urllib.parse.urlsplit(url).path))
        name, _, rest = filename.rpartition(f"-{version}.tar.gz")
        if not rest and name and normalized(name) == normalized(project):
            return url
    return None
