"""Three services with a shared library, in a repository that is made of docs/adopt.md alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from adoption.conftest import PAGE
from adoption.layouts import attested, layer, read_image
from adoption.repository import Pants, Repository, find_python
from pages import Section, read_sections

# What the page says for a version beside what it says for all.
SECTIONS = {"3.11": (), "3.13": ("CPython 3.13",)}
PRESENT = [version for version in SECTIONS if find_python(version, headers=True)]


@pytest.mark.parametrize("version", PRESENT or ["3.12"])
def test_several_services(
    version: str, scratch: Path, pants: Pants, foundation: list[Section]
) -> None:
    """With a shared library; on the other versions of CPython that the machine has."""
    python = find_python(version, headers=True)
    assert python is not None
    page = read_sections(PAGE)
    services = page["Several services"]
    sections = [*foundation, services, *(page[title] for title in SECTIONS.get(version, ()))]
    repository = Repository.make(scratch, f"services-{version}", pants, python, *sections)
    with repository.used():
        for commands in services.commands:
            for command in commands:
                repository.run(command)
    images = {
        name: read_image(repository.root / f"dist/src.{name}/oci")
        for name in ("orders", "mailer", "report")
    }
    drivers = {name: layer(image, ".wheel-markupsafe") for name, image in images.items()}
    # `report` is in zstd.
    assert drivers["orders"] == drivers["mailer"] != drivers["report"]
    (wheel,) = {files for _, files in drivers.values()}
    extension = f"markupsafe/_speedups.cpython-{version.replace('.', '')}-"
    assert any(f"/python{version}/site-packages/{extension}" in path for path in wheel)
    for name, image in images.items():
        sources = layer(image, ".sources")[1]
        ours = {path for path in sources if path.endswith(".py") and "__init__" not in path}
        assert ours == {f"app/{name}/main.py", "app/shared/texts.py"}
        names, _ = attested(repository.root / f"dist/src.{name}/attestations")
        assert "markupsafe" in names
        # What only one of them imports is in that one, and in its bill.
        assert ("uvicorn" in names) == (name == "orders")
