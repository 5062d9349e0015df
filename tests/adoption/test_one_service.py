"""One service, in somebody else's repository that is made of docs/adopt.md alone."""

from __future__ import annotations

import json
import os
import re
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from adoption.conftest import PAGE
from adoption.layouts import attested, layer, read_image
from adoption.repository import Pants, Repository, find_python
from pages import Section, read_sections

from image.engine import Engine, unique, wait_until

ASK = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:8000/a&b').read().decode())"
#: No other image has it.
NAME = f"{unique('adopted')}:latest"

SECTIONS = read_sections(PAGE)
#: The engine that the machine is set to; an empty one is none.
HOST = os.environ.get("DOCKER_HOST", "")
(IN_ENGINE,) = SECTIONS["An image"].commands[1]


@pytest.fixture(scope="module")
def shop(scratch: Path, pants: Pants, foundation: list[Section]) -> Iterator[Repository]:
    """One service on CPython 3.12, with everything built that needs no engine."""
    python = find_python("3.12", headers=True)
    assert python is not None, "install CPython 3.12 with headers, or set PANTS_PYTHON312"
    section = SECTIONS["An image"]
    named = {path: text.replace("shop:latest", NAME) for path, text in section.files.items()}
    repository = Repository.make(
        scratch, "shop", pants, python, *foundation, replace(section, files=named)
    )
    with repository.used():
        without_engine, _ = section.commands
        said = [repository.run(command) for command in without_engine]
        (scratch / "explained").write_text(said[-2])
        yield repository


def test_the_wheel(shop: Repository) -> None:
    (wheel,) = (shop.root / "dist").glob("markupsafe-3.0.2-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (record,) = (name for name in names if name.endswith("native_wheel.json"))
        assert json.loads(archive.read(record))["profile"] == "speed"
    assert [name for name in names if re.fullmatch(r"markupsafe/_speedups\..*\.so", name)]


def test_the_image(shop: Repository) -> None:
    image = read_image(shop.root / "dist/src.shop/oci")
    site = "usr/local/lib/python3.12/site-packages"
    assert "app/shop/server.py" in layer(image, ".sources")[1]
    assert f"{site}/uvicorn/main.py" in layer(image, ".requirements")[1]
    compiled = layer(image, ".wheel-markupsafe")[1]
    assert [name for name in compiled if name.startswith(f"{site}/markupsafe/_speedups.")]
    assert image.config["config"]["User"] == "10001:10001"
    assert (shop.root / "dist/src.shop/oci.tar").exists()


def test_the_documents(shop: Repository, scratch: Path) -> None:
    image = read_image(shop.root / "dist/src.shop/oci")
    names, statement = attested(shop.root / "dist/src.shop/attestations")
    assert {"uvicorn", "click", "h11", "markupsafe"} <= names
    (subject,) = statement["subject"]
    assert image.image_id != f"sha256:{subject['digest']['sha256']}"
    materials = statement["predicate"]["buildDefinition"]["resolvedDependencies"]
    assert any("markupsafe" in json.dumps(material) for material in materials)
    assert "uvicorn" in (scratch / "explained").read_text()


def test_the_picture(shop: Repository) -> None:
    text = (shop.root / "dist/image.html").read_text(encoding="utf-8")
    for part in (NAME, "<svg", "base</th>", ">uvicorn ", ">markupsafe 3.0.2", "/app/shop</th>"):
        assert part.casefold() in text.casefold()


def test_signatures(shop: Repository) -> None:
    """By the installed plugin, with programs of the machine's."""
    (commands,) = SECTIONS["Signatures"].commands
    *_, signed, verified = [shop.run(command) for command in commands]
    digest = signed.removeprefix("signed ").split()[0]
    assert verified.startswith(f"verified {digest}")
    # Of what has changed since it says so.
    changed = shop.root / "dist/src.shop/attestations/sbom.cdx.json"
    content = changed.read_bytes()
    changed.write_bytes(content.replace(b"uvicorn", b"unicorn"))
    try:
        with pytest.raises(AssertionError, match=r"sbom\.cdx\.json"):
            shop.run(commands[-1])
    finally:
        changed.write_bytes(content)


def test_the_policy_judges(shop: Repository) -> None:
    """The page's image keeps every rule; with its user gone, it does not."""
    build = shop.root / "src/shop/BUILD"
    text = build.read_text()
    build.write_text(text.replace('    user="10001:10001",\n', ""))
    try:
        with pytest.raises(AssertionError, match="QK-IMG-001"):
            shop.run("pants test src/shop:policy")
    finally:
        build.write_text(text)


def test_a_base_that_no_engine_has(shop: Repository) -> None:
    with pytest.raises(AssertionError, match=r"base=oci:.*Fix: package src/shop:oci and"):
        shop.run(IN_ENGINE, DOCKER_HOST=HOST)


def test_in_the_engine(shop: Repository) -> None:
    """On the same files as a base of the engine's own."""
    engine, base = Engine(), unique("base")
    layout = read_image(shop.root / "dist/src.shop/oci")
    file = shop.base / "blobs" / layout.config["rootfs"]["diff_ids"][0].replace(":", "/")
    try:
        engine.client.api.import_image(src=str(file), repository=base)
        shop.run(IN_ENGINE, DOCKER_HOST=HOST, PANTS_IMAGE_ASSEMBLY_BASE=f"{base}:latest")
        image = engine.image(NAME)
        assert image.attrs["RootFS"]["Layers"][1:] == layout.config["rootfs"]["diff_ids"][1:]
        with engine.container(image, None, read_only=True) as container:

            def answer() -> str:
                done = container.exec_run(["python", "-c", ASK])
                said: Any = done.output
                return str(said, "utf-8") if done.exit_code == 0 else ""

            assert wait_until(answer, "an answer") == "You asked for /a&amp;b\n\n"
    finally:
        engine.remove_image(NAME)
        engine.remove_image(base)
        engine.close()
