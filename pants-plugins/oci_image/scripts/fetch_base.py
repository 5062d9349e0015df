"""A base image from a registry.

    fetch_base.py resolve REFERENCE        prints host/repository@digest
    fetch_base.py fetch PINNED             writes what read_base.py writes

Standard library only.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import Any

from read_base import _BLOBS, BaseError, choose, compress, plain_descriptor, save
from registry import Registry, RegistryError, parse_reference


def resolve(reference: str, default: str, plain: list[str]) -> str:
    """The name by digest, which stays the same image."""
    parsed = parse_reference(reference, default)
    digest = parsed.digest or Registry(parsed, plain).manifest(parsed.tag)[1]
    return f"{parsed.host}/{parsed.repository}@{digest}"


def fetch(pinned: str, architecture: str, plain: list[str]) -> dict[str, Any]:
    """Write the layers' blobs; returns the configuration and a descriptor of each layer."""
    parsed = parse_reference(pinned)
    registry = Registry(parsed, plain)
    document = json.loads(registry.manifest(parsed.digest)[0])
    while "manifests" in document:
        chosen = choose(document["manifests"], architecture)
        document = json.loads(registry.manifest(chosen["digest"])[0])
    path = os.path.join(_BLOBS, "config")
    registry.download(document["config"]["digest"], path, document["config"]["size"])
    with open(path, encoding="utf-8") as file:
        config = json.load(file)
    os.remove(path)
    if config["architecture"] != architecture:
        raise BaseError(f"the base {pinned} is for {config['architecture']}, not {architecture}")
    layers = []
    for descriptor in document["layers"]:
        digest, kind = descriptor["digest"], descriptor["mediaType"]
        path = os.path.join(_BLOBS, digest.partition(":")[2])
        registry.download(digest, path, descriptor["size"])
        if kind.endswith("gzip"):
            layers.append(plain_descriptor(descriptor))
        elif kind.endswith("tar"):
            with open(path, "rb") as layer:
                layers.append(compress(layer)[0])
            os.remove(path)
        else:
            raise BaseError(f"a layer of {pinned} is {kind}; use a base with gzip")
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
    except (RegistryError, BaseError) as error:
        print(f"oci_image: the base {options.reference}: {error}", file=sys.stderr)
        return 1
    save(base)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
