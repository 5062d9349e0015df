"""A base image from a registry.

    fetch_base.py resolve REFERENCE        prints host/repository@digest
    fetch_base.py fetch PINNED             writes what read_base.py writes

Standard library only.
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

from base_documents import (
    DEEPEST,
    BaseError,
    ZstdNeededError,
    check_blob,
    check_config,
    check_diff_id,
    check_readable,
    descriptors,
    digest_name,
    malformed,
    member,
    parsed,
    read_document,
)
from read_base import _BLOBS, NEEDS_ZSTD, choose, compress, plain_descriptor, save
from registry import Registry, RegistryError, parse_reference


def resolve(reference: str, default: str, plain: list[str]) -> str:
    """The name by digest, which stays the same image."""
    named = parse_reference(reference, default)
    digest = named.digest or Registry(named, plain).manifest(named.tag)[1]
    return f"{named.host}/{named.repository}@{digest}"


def fetch(pinned: str, architecture: str, plain: list[str]) -> dict[str, Any]:
    """Write the layers' blobs; returns the configuration and a descriptor of each layer."""
    reference = parse_reference(pinned)
    registry = Registry(reference, plain)
    document = parsed(registry.manifest(reference.digest)[0], pinned)
    depth = 0
    while "manifests" in document:
        depth += 1
        if depth > DEEPEST:
            raise malformed(pinned, "manifests", depth, "there are indexes within indexes")
        chosen = choose(descriptors(document, "manifests", pinned), architecture)
        document = parsed(registry.manifest(chosen["digest"])[0], pinned)
    named = member(document, "config", dict, pinned)
    digest_name(named.get("digest"), pinned)
    path = os.path.join(_BLOBS, "config")
    registry.download(named["digest"], path, member(named, "size", int, pinned))
    config = read_document(path, named, pinned)
    os.remove(path)
    found = descriptors(document, "layers", pinned)
    check_readable(found)
    diff_ids = check_config(config, len(found), architecture, pinned)
    layers = []
    for descriptor, diff_id in zip(found, diff_ids):
        digest, kind = descriptor["digest"], descriptor["mediaType"]
        path = os.path.join(_BLOBS, digest_name(digest, pinned))
        registry.download(digest, path, descriptor["size"])
        check_blob(path, descriptor, pinned)
        if kind.endswith(("gzip", "zstd")):
            check_diff_id(path, kind, diff_id, pinned)
            layers.append(plain_descriptor(descriptor))
        elif kind.endswith("tar"):
            if digest != diff_id:
                raise malformed(pinned, "diff_ids", diff_id, f"the layer is {digest}")
            with open(path, "rb") as layer:
                layers.append(compress(layer)[0])
            os.remove(path)
        else:
            raise BaseError(f"a layer of {pinned} is {kind}; use a base with gzip or zstd")
    return {"config": config, "layers": layers}


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("mode", choices=("resolve", "fetch"))
    parser.add_argument("reference")
    parser.add_argument("--architecture", default="amd64")
    parser.add_argument("--default-registry", default="")
    parser.add_argument("--plain-http", action="append", default=[])
    options = parser.parse_args(argv)
    try:
        if options.mode == "resolve":
            print(resolve(options.reference, options.default_registry, options.plain_http))
            return 0
        os.makedirs(_BLOBS, exist_ok=True)
        base = fetch(options.reference, options.architecture, options.plain_http)
    except ZstdNeededError:
        base = NEEDS_ZSTD
    except (RegistryError, BaseError) as error:
        print(f"oci_image: the base {options.reference}: {error}", file=sys.stderr)
        return 1
    save(base)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
