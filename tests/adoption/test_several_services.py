"""Three services with a shared library, in a repository that is made of docs/adopt.md alone."""

from __future__ import annotations

from pathlib import Path

from adoption.conftest import PAGE
from adoption.layouts import attested, layer, read_image
from adoption.repository import Pants, Repository, find_python
from pages import Section, read_sections


def test_several_services(scratch: Path, pants: Pants, foundation: list[Section]) -> None:
    """With a shared library; on CPython 3.11 where the machine has it."""
    python = find_python("3.11", headers=True) or find_python("3.12", headers=True)
    assert python is not None
    section = read_sections(PAGE)["Several services"]
    repository = Repository.make(scratch, "services", pants, python, *foundation, section)
    with repository.used():
        for commands in section.commands:
            for command in commands:
                repository.run(command)
    images = {
        name: read_image(repository.root / f"dist/src.{name}/oci")
        for name in ("orders", "mailer", "report")
    }
    drivers = {name: layer(image, ".wheel-markupsafe") for name, image in images.items()}
    # `report` is in zstd.
    assert drivers["orders"] == drivers["mailer"] != drivers["report"]
    assert len({files for _, files in drivers.values()}) == 1
    for name, image in images.items():
        sources = layer(image, ".sources")[1]
        ours = {path for path in sources if path.endswith(".py") and "__init__" not in path}
        assert ours == {f"app/{name}/main.py", "app/shared/texts.py"}
        names, _ = attested(repository.root / f"dist/src.{name}/attestations")
        assert "markupsafe" in names
        # What only one of them imports is in that one, and in its bill.
        assert ("uvicorn" in names) == (name == "orders")
