"""Describe the images of an OCI layout: bill of materials and provenance, as referrers.

    attest_image.py SPECIFICATION OUTPUT

SPECIFICATION is JSON (see `attest/rules.py`, which writes it). OUTPUT gets the documents, and
below `oci/` the new `index.json` of the layout and the blobs that it lacks. Exits 1 with one
message where the image is not what is locked.
"""

from __future__ import annotations

import hashlib
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import bill_of_materials
import provenance
from attest_error import AttestError
from image_contents import python_version
from image_view import ImageView, read_image
from locked_closure import Locked, built_wheel, closure, marker_environment
from oci_layout import Layout, LayoutError
from referrers import Referrer, artifact, index_with, write_blobs
from statements import BILL_TYPE, MEDIA_TYPE, PROVENANCE

# 1980-01-01, for images that do not say when they were made.
_EPOCH = datetime(1980, 1, 1, tzinfo=UTC)


def expected(image: ImageView, spec: dict[str, Any]) -> dict[str, Locked]:
    """What has to be in an image: the closures of the locks, and the wheels built here."""
    config = image.manifest.config
    environment = marker_environment(
        python_version(image), config.get("architecture", ""), config.get("os", "linux")
    )
    found: dict[str, Locked] = {}
    for lockfile in spec["lockfiles"]:
        roots = None if spec["roots"] is None else spec["roots"].get(lockfile, [])
        found.update(closure(Path(lockfile), environment, roots))
    for wheel in map(Path, spec["wheels"]):
        built = built_wheel(wheel, hashlib.sha256(wheel.read_bytes()).hexdigest())
        if built.name in found:
            raise AttestError(
                f"{built.name} is built here ({wheel.name}) and locked too "
                f"({found[built.name].origin}): which one is in the image would be chance. Take "
                "the requirement out."
            )
        found[built.name] = built
    return found


def created(image: ImageView) -> datetime:
    """When the image says that it was made, which is its sources' time and not the clock's."""
    text = image.manifest.config.get("created")
    return datetime.fromisoformat(text).astimezone(UTC) if text else _EPOCH


def attest(spec: dict[str, Any], output: Path) -> None:
    """Write what describes every image of the layout."""
    layout = Layout(Path(spec["layout"]))
    images = layout.images()
    digests = {path: hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in spec["files"]}
    build = provenance.Build(
        spec["target"], spec["builder"], spec["versions"], digests, spec["sources"]
    )
    every: list[Referrer] = []
    for manifest in images:
        image = read_image(layout, manifest, spec["base_layers"])
        sources = bill_of_materials.match(image, expected(image, spec))
        moment = created(image)
        # An index of several platforms has a pair of documents for each.
        part = f".{manifest.platform.replace('/', '-')}" if len(images) > 1 else ""
        for name, content, kind, notes in (
            (
                f"sbom{part}.cdx.json",
                bill_of_materials.bill(image, sources, moment),
                BILL_TYPE,
                {},
            ),
            (
                f"provenance{part}.intoto.json",
                provenance.statement(image, sources, build),
                MEDIA_TYPE,
                {"in-toto.io/predicate-type": PROVENANCE},
            ),
        ):
            output.mkdir(parents=True, exist_ok=True)
            (output / name).write_bytes(content)
            every.append(artifact(manifest.descriptor, content, kind, name, moment, notes))
    write_blobs(output / "oci" / "blobs" / "sha256", every)
    (output / "oci" / "index.json").write_bytes(index_with(layout.index, every))


def main(argv: list[str]) -> int:
    spec = json.loads(Path(argv[0]).read_text(encoding="utf-8"))
    try:
        attest(spec, Path(argv[1]))
    except (AttestError, LayoutError) as error:
        print(f"image_attestations: target {spec['target']}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
