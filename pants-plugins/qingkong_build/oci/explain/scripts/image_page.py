"""A page of HTML that shows what is in images: a treemap, and its numbers as a table.

It is one file that loads nothing, and the same bytes for the same images. All that is not written
here is escaped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from string import Template

from treemap import Box, squarified

#: Of the pictures, of which a screen shows the one that fits.
_PICTURES = {"wide": Box(0, 0, 1000, 560), "narrow": Box(0, 0, 360, 720)}
#: Colours that layers take in turn; the base's has none of them.
_COLOURS = 8
_FONT = 12
#: A letter is about so wide, and one in bold.
_LETTER = 0.61 * _FONT
_BOLD_LETTER = 0.68 * _FONT
_LINE = 16

_PAGE = Template("""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="color-scheme" content="light dark">
<title>$title</title>
<style>
:root { --ground: #fff; --text: #1b1b1f; --faint: #5c5f66; --line: #d5d8de; --base: #d3d7de;
  --c0: #9ecae9; --c1: #ffc78a; --c2: #a3d9a5; --c3: #f0d67c; --c4: #9bd0cb; --c5: #ffb3ad;
  --c6: #dcb8d8; --c7: #dcc3b0; }
@media (prefers-color-scheme: dark) {
  :root { --ground: #16181c; --text: #f0f1f4; --faint: #a9adb6; --line: #3a3e46; --base: #3b414a;
    --c0: #1f4e79; --c1: #7a4708; --c2: #2a5f33; --c3: #655406; --c4: #1c5754; --c5: #7d2f33;
    --c6: #613a66; --c7: #5c4233; }
}
body { margin: 0 auto; max-width: 1200px; padding: 16px; background: var(--ground);
  color: var(--text); font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin: 0 0 8px; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 32px 0 8px; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 16px; margin: 0 0 16px; }
dt, .note { color: var(--faint); }
dd { margin: 0; overflow-wrap: anywhere; }
svg { display: block; width: 100%; height: auto; font: ${font}px system-ui, sans-serif; }
svg rect { stroke: var(--ground); }
svg text { fill: var(--text); }
svg .layer text { font-weight: 600; }
.narrow { display: none; }
table { border-collapse: collapse; width: 100%; margin-top: 24px; }
caption { text-align: left; color: var(--faint); padding-bottom: 12px; }
th, td { padding: 3px 8px; text-align: right; border-bottom: 1px solid var(--line);
  font-weight: 400; white-space: nowrap; font-variant-numeric: tabular-nums; }
th:first-child { text-align: left; white-space: normal; overflow-wrap: anywhere; }
tbody tr:not(:first-child) th { padding-left: 28px; }
thead th, tfoot > tr > *, tbody tr:first-child > * { font-weight: 600; }
i { display: inline-block; width: 12px; height: 12px; margin-right: 8px; }
$colours@media (max-width: 760px) {
  body { padding: 12px; }
  .wide, .files { display: none; }
  .narrow { display: block; max-width: 480px; }
  th, td { padding: 3px 4px; font-size: 13px; }
  tbody tr:not(:first-child) th { padding-left: 14px; }
}
</style>
</head>
<body>
<h1>$title</h1>
$images</body>
</html>
""")


@dataclass(frozen=True)
class Part:
    """A distribution, or the files of a directory that are of none; `size` is bytes of content."""

    name: str
    files: int
    size: int


@dataclass(frozen=True)
class DrawnLayer:
    """A layer; `compressed` is bytes of its blob, None where it is not compressed."""

    name: str
    digest: str
    is_base: bool
    compressed: int | None
    parts: tuple[Part, ...]

    @property
    def short_name(self) -> str:
        """`requirements-web` of `deploy/runtime.requirements-web`; the base's is as it is."""
        last = self.name.rpartition("/")[2]
        return self.name if self.is_base else last.partition(".")[2] or last

    @property
    def size(self) -> int:
        return sum(part.size for part in self.parts)

    @property
    def files(self) -> int:
        return sum(part.files for part in self.parts)


@dataclass(frozen=True)
class DrawnImage:
    """An image of one platform, its layers lowest first."""

    names: tuple[str, ...]
    digest: str
    platform: str
    layers: tuple[DrawnLayer, ...]

    @property
    def size(self) -> int:
        return sum(layer.size for layer in self.layers)

    @property
    def compressed(self) -> int | None:
        """Of all layers; None where one is not."""
        sizes = [layer.compressed for layer in self.layers]
        known = [size for size in sizes if size is not None]
        return sum(known) if len(known) == len(sizes) else None


def size_text(number: int) -> str:
    """Bytes for people: decimal units."""
    if number < 1000:
        return f"{number} B"
    if number < 999_950:
        return f"{number / 1000:.1f} kB"
    return f"{number / 1_000_000:.1f} MB"


def share_text(part: int, whole: int) -> str:
    """In percent; what has a size is never shown as 0.0%."""
    share = 100 * part / whole if whole else 0.0
    return "< 0.1%" if part and share < 0.1 else f"{share:.1f}%"


def _by_size(items: Sequence[Part]) -> list[Part]:
    return sorted(items, key=lambda item: (-item.size, item.name))


def _colours(image: DrawnImage) -> dict[str, str]:
    """The class of each layer by its digest."""
    ours = [layer for layer in image.layers if not layer.is_base]
    found = {layer.digest: "base" for layer in image.layers if layer.is_base}
    found.update({layer.digest: f"c{number % _COLOURS}" for number, layer in enumerate(ours)})
    return found


def _rectangle(box: Box) -> str:
    x, y, width, height = (f"{value:.2f}" for value in box)
    return f'<rect x="{x}" y="{y}" width="{width}" height="{height}"/>'


def _text(text: str, box: Box, line: int) -> str:
    return f'<text x="{box.x + 4:.2f}" y="{box.y + _LINE * line - 4:.2f}">{escape(text)}</text>'


def _heading(layer: DrawnLayer, box: Box) -> str:
    """The name of a layer with its size, or what of it fits: its end, in which they differ."""
    letters = int((box.width - 8) / _BOLD_LETTER)
    for text in (f"{layer.short_name}, {size_text(layer.size)}", layer.short_name):
        if len(text) <= letters:
            return text
    return f"…{layer.short_name[1 - letters :]}"


def _label(name: str, numbers: Sequence[str], box: Box) -> str:
    """What a box has room for: the name, cut where it would leave the box, and below it the first
    of the numbers that fits: of these, a part would be another number."""
    letters, lines = int((box.width - 8) / _LETTER), int((box.height - 2) / _LINE)
    # Less of a name says nothing.
    if lines < 1 or letters < min(len(name), 4):
        return ""
    fitting = [text for text in numbers if len(text) <= letters] if lines > 1 else []
    cut = name if len(name) <= letters else f"{name[: letters - 1]}…"
    return _text(cut, box, 1) + "".join(_text(text, box, 2) for text in fitting[:1])


def _tile(name: str, size: int, whole: int, box: Box, kind: str) -> str:
    text = f"{size_text(size)}, {share_text(size, whole)}"
    return (
        f'<g class="{kind}"><title>{escape(f"{name}: {text}")}</title>{_rectangle(box)}'
        f"{_label(name, (text, size_text(size)), box)}</g>\n"
    )


def _picture(image: DrawnImage, name: str, colours: dict[str, str]) -> Iterator[str]:
    whole = _PICTURES[name]
    yield (
        f'<svg class="{name}" viewBox="0 0 {whole.width} {whole.height}" role="img" '
        'aria-label="The layers of the image and what is in them, by size: the table below has '
        'the same numbers.">\n'
    )
    layers = sorted((x for x in image.layers if x.size), key=lambda x: (-x.size, x.digest))
    for layer, box in zip(layers, squarified([x.size for x in layers], whole), strict=True):
        colour = colours[layer.digest]
        inner = box
        if box.height > 3 * _LINE and box.width > 6 * _BOLD_LETTER:
            text = f"{layer.name}: {size_text(layer.size)}, {share_text(layer.size, image.size)}"
            yield f'<g class="layer {colour}"><title>{escape(text)}</title>{_rectangle(box)}'
            yield f"{_text(_heading(layer, box), box, 1)}</g>\n"
            inner = Box(box.x + 2, box.y + _LINE + 2, box.width - 4, box.height - _LINE - 4)
        parts = [part for part in _by_size(layer.parts) if part.size]
        for part, place in zip(parts, squarified([x.size for x in parts], inner), strict=True):
            yield _tile(part.name, part.size, image.size, place, colour)
    yield "</svg>\n"


def _row(name: str, files: int, size: int, compressed: str, whole: int) -> str:
    return (
        f'<tr><th scope="row">{name}</th><td class="files">{files}</td>'
        f'<td title="{size} bytes">{size_text(size)}</td>'
        f"<td>{escape(share_text(size, whole))}</td>"
        f"<td>{compressed}</td></tr>\n"
    )


def _compressed(number: int | None) -> str:
    return "no" if number is None else size_text(number)


def _table(image: DrawnImage, colours: dict[str, str]) -> Iterator[str]:
    yield (
        "<table>\n<caption>By size, the largest first. Sizes are those of the content of files: "
        "directories and links have none, and a file that a later layer replaces counts in both. "
        "What is in no distribution is shown by its directory.</caption>\n"
        '<thead><tr><th scope="col">Layer, and what is in it</th>'
        '<th scope="col" class="files">Files</th><th scope="col">Size</th>'
        '<th scope="col">Share</th><th scope="col">Compressed</th></tr></thead>\n'
    )
    for layer in sorted(image.layers, key=lambda x: (-x.size, x.digest)):
        yield "<tbody>\n"
        name = f'<i class="{colours[layer.digest]}"></i>{escape(layer.name)}'
        compressed = _compressed(layer.compressed)
        yield _row(name, layer.files, layer.size, compressed, image.size)
        for part in _by_size(layer.parts):
            yield _row(escape(part.name), part.files, part.size, "", image.size)
        yield "</tbody>\n"
    files = sum(layer.files for layer in image.layers)
    total = _row("All layers", files, image.size, _compressed(image.compressed), image.size)
    yield f"<tfoot>\n{total}</tfoot>\n</table>\n"


def _section(image: DrawnImage, *, is_only: bool) -> Iterator[str]:
    if not is_only:
        yield f"<h2>{escape(image.platform)}</h2>\n"
    base = sum(layer.is_base for layer in image.layers)
    facts = {
        "Names": ", ".join(image.names) or "none",
        "Digest": image.digest,
        "Platform": image.platform,
        "Layers": f"{len(image.layers)}, of which {base} of the base",
        "Size": f"{size_text(image.size)} of files",
        "Compressed": _compressed(image.compressed),
    }
    yield "<dl>\n"
    for name, value in facts.items():
        yield f"<dt>{name}</dt><dd>{escape(value)}</dd>\n"
    yield "</dl>\n"
    colours = _colours(image)
    for picture in _PICTURES:
        yield from _picture(image, picture, colours)
    yield from _table(image, colours)


def page(images: Sequence[DrawnImage]) -> str:
    """The page of an image, or of one for several platforms."""
    first = images[0]
    title = f"What is in {first.names[0] if first.names else first.digest}"
    kinds = ("base", *(f"c{number}" for number in range(_COLOURS)))
    colours = "".join(
        f".{kind} {{ fill: var(--{kind}); background: var(--{kind}); }}\n" for kind in kinds
    )
    sections = ("".join(_section(image, is_only=len(images) == 1)) for image in images)
    return _PAGE.substitute(
        title=escape(title), font=_FONT, colours=colours, images="".join(sections)
    )
