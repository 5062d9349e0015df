"""Whose the files of installed distributions are."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import posixpath
import re
from collections.abc import Iterator

from image_view import Entry, ImageView
from policy_rule import Finding, Subject, rule

_SITE = re.compile(r"((?:.+/)?(?:site|dist)-packages)/.+")
_RECORD = re.compile(r"(?P<site>.+)/(?P<name>[^/]+)\.dist-info/RECORD")
# What RECORD names without a hash: itself, what signs it, and what installers compile.
_WITHOUT_HASH = re.compile(r".+\.dist-info/RECORD(\.jws|\.p7s)?|.+\.py[co]")
_BYTECODE = re.compile(r"((?:.+/)?)__pycache__/([^/]+?)\.[^/.]+\.pyc")
_ALGORITHMS = ("sha256", "sha384", "sha512")


@rule(
    "QK-IMG-020",
    title="Each file of site-packages is a distribution's, as its RECORD says",
    reason="A `.pth` file, a `sitecustomize.py` or a module that no distribution owns runs or is "
    "imported, and no bill of materials names it. A file that differs from its RECORD is not what "
    "was locked by hash.",
)
def owned_packages(subject: Subject) -> Iterator[Finding]:
    image = subject.image
    ours = {path: x for path, x in image.files.items() if image.layers[x.layer].added}
    owners: dict[str, str] = {}
    for record, entry in ours.items():
        match = _RECORD.fullmatch(record)
        if match is None or entry.kind != "file":
            continue
        owner = match["name"]
        for path, digest in _rows(entry, match["site"]):
            other = owners.setdefault(path, owner)
            if other != owner:
                yield Finding(f"is a file of {other}, and of {owner}. Leave one out.", path)
            elif wrong := _mismatch(image, path, digest):
                yield Finding(f"{wrong} {owner}. Install it again.", path)
    for path, entry in ours.items():
        if entry.kind == "directory" or not _SITE.fullmatch(path):
            continue
        if path not in owners and not _compiled(path, owners):
            yield Finding(
                "is in the RECORD of no distribution. Leave it out, or ship it in a distribution.",
                path,
            )


def _rows(record: Entry, site: str) -> Iterator[tuple[str, str]]:
    """The path in the image, and the hash, of each line of a RECORD."""
    text = record.read().decode("utf-8", "replace")
    for row in csv.reader(io.StringIO(text)):
        if row:
            path = posixpath.normpath(posixpath.join("/", site, row[0])).lstrip("/")
            yield path, row[1] if len(row) > 1 else ""


def _mismatch(image: ImageView, path: str, expected: str) -> str:
    """What is wrong with a file of a RECORD; empty where nothing is."""
    entry = image.resolve(path)
    if entry is None or entry.kind != "file":
        # Installers name the bytecode that they would write.
        return "" if path.endswith((".pyc", ".pyo")) else "is missing, but in the RECORD of"
    if not expected:
        return "" if _WITHOUT_HASH.fullmatch(path) else "has no hash in the RECORD of"
    algorithm, _, digest = expected.partition("=")
    if algorithm not in _ALGORITHMS:
        return f"has a hash of {algorithm!r} in the RECORD of"
    found = hashlib.new(algorithm, entry.read()).digest()
    if base64.urlsafe_b64encode(found).decode().rstrip("=") != digest:
        return "is not what its hash says in the RECORD of"
    return ""


def _compiled(path: str, owners: dict[str, str]) -> bool:
    """Whether it is the bytecode of a file that a distribution owns; QK-IMG-013 judges it."""
    match = _BYTECODE.fullmatch(path)
    return match is not None and f"{match[1]}{match[2]}.py" in owners


RULES = (owned_packages,)
