"""Draw what is in each image of an OCI layout: one page of HTML. Standard library only.

python draw_image.py LAYOUT PAGE.html
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from image_page import DrawnImage, DrawnLayer, Part, page
from image_view import Entry, ImageView, read_image
from image_view import Layer as LayerView
from oci_layout import Layout, LayoutError
from read_distributions import distributions


def parts_of(entries: tuple[Entry, ...]) -> Iterator[Part]:
    """All files of a layer: by distribution and, where they are of none, by directory."""
    files = {entry.path: entry for entry in entries if entry.kind == "file"}
    left = {path: entry.info.size for path, entry in files.items()}
    for one in tuple(distributions(left, lambda path: files[path].read())):
        # A file that two say is theirs counts once.
        ours = [path for path in one.paths if path in left]
        name = f"{one.metadata['Name']} {one.metadata['Version']}"
        yield Part(name, len(ours), sum(left.pop(path) for path in ours))
    counts: Counter[str] = Counter()
    totals: Counter[str] = Counter()
    for path, size in left.items():
        directory = "/" + "/".join(path.split("/")[:-1][:2])
        counts[directory] += 1
        totals[directory] += size
    for directory, count in counts.items():
        yield Part(directory, count, totals[directory])


def names_of(image: ImageView) -> list[str]:
    """What the history calls the layers; the lowest first."""
    steps = [
        str(step.get("created_by", ""))
        for step in image.manifest.config.get("history") or ()
        if not step.get("empty_layer")
    ]
    if len(steps) != len(image.layers):
        steps = [""] * len(image.layers)
    base = sum(not layer.added for layer in image.layers)
    names = []
    for number, (layer, step) in enumerate(zip(image.layers, steps, strict=True), start=1):
        if not layer.added and step in {"", "base"}:
            names.append("base" if base == 1 else f"base, {number} of {base}")
        else:
            name = re.sub(r"\.(tar|tar\.gz|tgz)$", "", step.removeprefix("layer "))
            names.append(name or f"layer {number}")
    return names


def compressed_size(layer: LayerView) -> int | None:
    """Of the blob; None where it is not compressed."""
    size: int = layer.descriptor["size"]
    return size if layer.descriptor["mediaType"].endswith(("gzip", "zstd")) else None


def drawn(image: ImageView) -> DrawnImage:
    """What the page has of an image."""
    return DrawnImage(
        names=image.manifest.names,
        digest=image.manifest.digest,
        platform=image.platform,
        layers=tuple(
            DrawnLayer(
                name=name,
                digest=layer.descriptor["digest"],
                is_base=not layer.added,
                compressed=compressed_size(layer),
                parts=tuple(parts_of(layer.entries)),
            )
            for name, layer in zip(names_of(image), image.layers, strict=True)
        ),
    )


def main(argv: list[str]) -> int:
    folder, output = argv
    try:
        layout = Layout(Path(folder))
        images = [read_image(layout, manifest, None) for manifest in layout.images()]
    except LayoutError as error:
        print(f"explain: {error}", file=sys.stderr)
        return 1
    # Names of files need not be UTF-8.
    Path(output).write_bytes(page([drawn(image) for image in images]).encode("utf-8", "replace"))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
