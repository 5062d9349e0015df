"""The page of an image: all of it is shown, the parts add up, and names in it do nothing."""

from __future__ import annotations

import re
import tarfile
from html.parser import HTMLParser
from pathlib import Path

import pytest
from draw_image import drawn, main
from image_page import DrawnImage, DrawnLayer, Part, page, share_text, size_text
from image_view import read_image
from layout_builder import Node, Tree, directory, symlink, write_layout
from oci_layout import Layout

SITE = "usr/local/lib/python3.12/site-packages"
HOSTILE = "<script>alert(1)</script>\"'&amp;--><svg onload=x>"
#: What a tag may have that loads or runs something.
ACTIVE = {"href", "src", "srcset", "action", "data", "xlink:href", "srcdoc", "background", "poster"}


def distribution(name: str, size: int, *more: str) -> Tree:
    """One with a module of so many bytes, which says that `more` are its files, too."""
    info = f"{SITE}/{name}-1.0.dist-info"
    paths = [f"{name}.py", f"{name}-1.0.dist-info/METADATA", f"{name}-1.0.dist-info/RECORD", *more]
    return {
        f"{SITE}/{name}.py": "x" * size,
        f"{info}/METADATA": f"Name: {name}\nVersion: 1.0\n",
        f"{info}/RECORD": "".join(f'"{path}",,\n' for path in paths),
    }


BASE: Tree = {
    "usr/bin": directory(),
    "usr/bin/sh": "s" * 5000,
    "usr/bin/bash": Node(link="usr/bin/sh", kind=tarfile.LNKTYPE),
    "bin": symlink("usr/bin"),
    "usr/local/lib/libpython.so": "p" * 9000,
    "etc/passwd": "root",
    "vmlinuz": "v" * 10,
    # Without a RECORD, nothing says which files it has.
    "usr/lib/python3/dist-packages/old-1.0.dist-info/METADATA": "Name: old\nVersion: 1.0\n",
}
OURS: Tree = {
    **distribution("web", 3000, "../../../bin/web", "left_out.py", "shared.py"),
    **distribution("orm", 700, "shared.py"),
    "usr/local/bin/web": "#!",
    f"{SITE}/shared.py": "s" * 100,
    f"{SITE}/of_none.py": "n" * 40,
}
CONFIG = {
    "history": [
        {"created_by": "base"},
        {"created_by": "ENV A=b", "empty_layer": True},
        {"created_by": "layer deploy/runtime.requirements.tar"},
        {"created_by": "layer deploy/system.tar"},
    ]
}


def image(place: Path, *layers: Tree, compress: bool = True) -> DrawnImage:
    layout = Layout(write_layout(place, layers, {}, compress=compress, config=CONFIG))
    (manifest,) = layout.images()
    return drawn(read_image(layout, manifest, None))


def test_parts_add_up(tmp_path: Path) -> None:
    found = image(tmp_path, BASE, OURS, {"etc/localtime": symlink("/x")})
    base, ours, system = found.layers
    assert (base.name, base.is_base) == ("base", True)
    assert {part.name: part.size for part in base.parts} == {
        "/usr/bin": 5000,
        "/usr/local": 9000,
        "/usr/lib": len("Name: old\nVersion: 1.0\n"),
        "/etc": 4,
        "/": 10,
    }
    assert (ours.name, ours.is_base) == ("deploy/runtime.requirements", False)
    web, orm, rest = ours.parts
    # The file that both say is theirs is the first one's.
    assert (web.name, web.files) == ("web 1.0", 5)
    assert (orm.name, orm.files) == ("orm 1.0", 3)
    assert rest == Part("/usr/local", 1, 40)
    sizes = [node if isinstance(node, str) else "" for node in OURS.values()]
    assert ours.size == sum(map(len, sizes))
    assert (system.name, system.size, system.parts) == ("deploy/system", 0, ())
    assert found.size == base.size + ours.size


def test_compressed_sizes(tmp_path: Path) -> None:
    packed = image(tmp_path / "packed", BASE, OURS, {})
    assert packed.compressed == sum(layer.compressed or 0 for layer in packed.layers) > 0
    plain = image(tmp_path / "plain", BASE, OURS, {}, compress=False)
    assert plain.compressed is None
    assert plain.size == packed.size


@pytest.mark.parametrize(
    ("history", "names"),
    [
        ([], ["base, 1 of 2", "base, 2 of 2", "layer 3"]),
        (
            [{"created_by": "ADD x"}, {"created_by": "base"}, {}],
            ["ADD x", "base, 2 of 2", "layer 3"],
        ),
    ],
)
def test_names_of_layers(tmp_path: Path, history: list[dict[str, str]], names: list[str]) -> None:
    place = write_layout(tmp_path, [BASE, {}, OURS], {}, base_layers=2, config={"history": history})
    layout = Layout(place)
    (manifest,) = layout.images()
    found = drawn(read_image(layout, manifest, None))
    assert [layer.name for layer in found.layers] == names


def test_the_page(tmp_path: Path) -> None:
    layout = write_layout(tmp_path / "layout", [BASE, OURS, {}], {}, config=CONFIG)
    assert main([str(layout), str(tmp_path / "one.html")]) == 0
    assert main([str(layout), str(tmp_path / "two.html")]) == 0
    text = (tmp_path / "one.html").read_text(encoding="utf-8")
    assert text == (tmp_path / "two.html").read_text(encoding="utf-8")
    (manifest,) = Layout(layout).images()
    for part in ("<title>What is in app:1</title>", manifest.digest, "linux/amd64", "web 1.0"):
        assert part in text
    rows = re.findall(r'<th scope="row">(.*?)</th>.*?<td title="(\d+) bytes">', text)
    names = [re.sub(r"<i.*?</i>", "", name) for name, _ in rows]
    # The largest first; the parts of a layer are below it.
    assert names[:3] == ["base", "/usr/local", "/usr/bin"]
    assert names[-2:] == ["deploy/system", "All layers"]
    sizes = {name: int(size) for name, (_, size) in zip(names, rows, strict=True)}
    assert sizes["All layers"] == sizes["base"] + sizes["deploy/runtime.requirements"]
    # Both pictures have each part of any size.
    assert text.count("<title>web 1.0: ") == 2


class Tags(HTMLParser):
    """All tags of a page with their attributes, and the text between them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def hostile_page() -> str:
    parts = (Part(HOSTILE, 1, 10**6), Part(f"/{HOSTILE}\udcff", 1, 10**6))
    layer = DrawnLayer(HOSTILE, "sha256:0", False, 10, parts)
    return page([DrawnImage((HOSTILE,), HOSTILE, HOSTILE, (layer,)) for _ in range(2)])


def test_names_do_nothing() -> None:
    found = Tags(hostile_page())
    kinds = {tag for tag, _ in found.tags}
    assert not kinds & {"script", "iframe", "object", "embed", "link", "img", "base", "a", "use"}
    for tag, attributes in found.tags:
        assert not {name for name in attributes if name.startswith("on")}, tag
    # As they are, for people.
    assert HOSTILE in "".join(found.texts)


def test_it_loads_nothing() -> None:
    text = hostile_page()
    for tag, attributes in Tags(text).tags:
        assert not ACTIVE & attributes.keys(), tag
    style = text.partition("<style>")[2].partition("</style>")[0]
    assert "url(" not in style
    assert "@import" not in style
    assert "default-src 'none'" in text


def labels(name: str, parts: tuple[Part, ...]) -> list[tuple[float, str]]:
    """Where each text of the pictures begins, and the text, of an image with one layer."""
    layer = DrawnLayer(name, "sha256:0", False, 10, parts)
    text = page([DrawnImage(("app:1",), "sha256:1", "linux/amd64", (layer,))])
    found = re.findall(r'<text x="([\d.]+)" y="[\d.]+">(.*?)</text>', text)
    return [(float(x), label) for x, label in found]


def test_labels_stay_in_their_boxes() -> None:
    """Of a long name, as much as there is room for; of a tiny part, nothing."""
    found = labels("layer", (Part("w" * 200, 1, 10**6), Part("tiny", 1, 1)))
    assert "tiny" not in [label for _, label in found]
    long = [(x, label) for x, label in found if label.startswith("www")]
    assert len(long) == 2
    for x, label in long:
        assert label.endswith("w…")
        assert x + len(label) * 7.3 < (1000 if len(label) > 60 else 360)


@pytest.mark.parametrize(
    ("name", "wide", "narrow"),
    [
        ("deploy/run.wheel-x", "wheel-x, 1.0 MB", "wheel-x, 1.0 MB"),
        ("deploy/system", "system, 1.0 MB", "system, 1.0 MB"),
        (f"deploy/run.{'y' * 42}", f"{'y' * 42}, 1.0 MB", "y" * 42),
        # They differ in their ends.
        (f"deploy/run.{'y' * 60}-z", f"{'y' * 60}-z, 1.0 MB", f"…{'y' * 40}-z"),
    ],
)
def test_headings_of_layers(name: str, wide: str, narrow: str) -> None:
    found = [label for _, label in labels(name, (Part("x", 1, 10**6),))]
    assert found == [wide, "x", "1.0 MB, 100.0%", narrow, "x", "1.0 MB, 100.0%"]


def test_a_number_is_shown_whole_or_not() -> None:
    """A part of it would be another number."""
    parts = tuple(Part(f"part-{number}", 1, 1_234_567 + number) for number in range(90))
    found = [label for _, label in labels("layer", parts)]
    numbers = [label for label in found if "MB" in label and "layer" not in label]
    assert numbers
    assert set(numbers) <= {"1.2 MB", "1.2 MB, 1.1%"}


def test_no_layout(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path), str(tmp_path / "page.html")]) == 1
    assert "explain: " in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (999_949, "999.9 kB"), (999_950, "1.0 MB")],
)
def test_sizes(number: int, text: str) -> None:
    assert size_text(number) == text


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [(0, 10, "0.0%"), (1, 10**6, "< 0.1%"), (1, 3, "33.3%"), (3, 3, "100.0%"), (0, 0, "0.0%")],
)
def test_shares(part: int, whole: int, text: str) -> None:
    assert share_text(part, whole) == text
