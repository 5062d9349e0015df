"""Push an OCI layout: push_layout.py LAYOUT REFERENCE... [--plain-http HOST].

Every manifest of the layout goes to the repository of each reference: images under its tag, what
refers to them (signatures, bills of materials) by digest, and under the tag by which cosign looks
for it. Only what the registry lacks is sent, once for all of its repositories.
Standard library only.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from registry import Registry, RegistryError, parse_reference

_REF_NAME = "org.opencontainers.image.ref.name"
_COSIGN_TAG = re.compile(r"sha256-[0-9a-f]{64}\.(sig|att|sbom)")


@dataclass
class Sent:
    """What a push came to.

    `sent`, `present` and `mounted` are blobs, the last from another repository of the registry;
    `size` is the bytes of those sent.
    """

    sent: int = 0
    present: int = 0
    mounted: int = 0
    size: int = 0


class Layout:
    """A layout in a directory."""

    def __init__(self, directory: str) -> None:
        self.directory = directory

    def blob(self, digest: str) -> str:
        """The path of a blob."""
        return os.path.join(self.directory, "blobs", *digest.split(":"))

    def read(self, digest: str) -> bytes:
        """The bytes of a document."""
        with open(self.blob(digest), "rb") as file:
            return file.read()

    def manifests(self) -> list[dict[str, Any]]:
        """What the index names, each once."""
        with open(os.path.join(self.directory, "index.json"), encoding="utf-8") as file:
            found = json.load(file)["manifests"]
        return list({each["digest"]: each for each in found}.values())


def send(
    layout: Layout, registry: Registry, descriptor: dict[str, Any], done: Sent, sibling: str
) -> None:
    """Send all that a manifest or index names, lowest first, but not itself."""
    document = json.loads(layout.read(descriptor["digest"]))
    for child in document.get("manifests", ()):
        send(layout, registry, child, done, sibling)
        content = layout.read(child["digest"])
        registry.put_manifest(child["digest"], content, child["mediaType"])
    blobs = [document["config"], *document["layers"]] if "config" in document else []
    for blob in {each["digest"]: each for each in blobs}.values():
        if registry.has("blobs", blob["digest"]):
            done.present += 1
            continue
        if registry.upload(blob["digest"], layout.blob(blob["digest"]), sibling):
            done.mounted += 1
            continue
        done.sent += 1
        done.size += blob["size"]


def names_of(descriptor: dict[str, Any], document: dict[str, Any], tag: str) -> list[str]:
    """What a manifest is called in the repository: `tag` for an image."""
    if "subject" not in document:
        return [tag]
    stored = (descriptor.get("annotations") or {}).get(_REF_NAME, "")
    return [descriptor["digest"], *([stored] if _COSIGN_TAG.fullmatch(stored) else [])]


def push(layout: Layout, reference: str, plain: list[str], pushed: Iterable[str] = ()) -> Sent:
    """Push to one reference.

    Args:
        layout: what to push.
        reference: where to.
        plain: hosts that are spoken to without TLS.
        pushed: references that have all of it already.

    Raises:
        RegistryError: the registry refused, or the layout has more than one image to tag.
    """
    parsed = parse_reference(reference)
    registry = Registry(parsed, plain)
    done = Sent()
    others = (parse_reference(each) for each in pushed)
    sibling = next((each.repository for each in others if each.host == parsed.host), "")
    described = [(each, json.loads(layout.read(each["digest"]))) for each in layout.manifests()]
    images = [each for each, document in described if "subject" not in document]
    if len(images) != 1:
        digests = ", ".join(each["digest"] for each in images) or "none"
        raise RegistryError(
            f"a tag names one image or index, and the layout {layout.directory} has {len(images)}: "
            f"{digests}. Fix: push a layout that has one."
        )
    for descriptor, document in described:
        send(layout, registry, descriptor, done, sibling)
        content = layout.read(descriptor["digest"])
        for name in names_of(descriptor, document, parsed.tag):
            registry.put_manifest(name, content, descriptor["mediaType"])
    return done


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("layout")
    parser.add_argument("references", nargs="+")
    parser.add_argument("--plain-http", action="append", default=[])
    options = parser.parse_args(argv)
    layout = Layout(options.layout)
    for number, reference in enumerate(options.references):
        try:
            done = push(layout, reference, options.plain_http, options.references[:number])
        except RegistryError as error:
            print(f"pushing {reference}: {error}", file=sys.stderr)
            return 1
        mounted = f", {done.mounted} came from another repository" if done.mounted else ""
        print(
            f"{reference}: sent {done.sent} blobs, {done.size} bytes; "
            f"{done.present} already present{mounted}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
