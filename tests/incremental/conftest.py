"""A clone of the repository with a Pants of its own, and the image that was built there."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from incremental.layouts import Layout, small_base

from image.registry import registry
from measuring.clone import Clone, clone
from measuring.commands import run

TARGET = "deploy:oci"


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A small base: no engine is needed, and no digest depends on what it has."""
    folder = tmp_path_factory.mktemp("base")
    digest = small_base(folder / "layout")
    with registry(folder / "registry") as there:
        name = f"{there.address}/base"
        run(
            [
                *("skopeo", "--insecure-policy", "copy", "--quiet", "--dest-tls-verify=false"),
                *(
                    "--preserve-digests",
                    "--all",
                    f"oci:{folder / 'layout'}",
                    f"docker://{name}:small",
                ),
            ],
            folder,
        )
        yield f"{name}@{digest}"


def on_base(tree: Clone, base: str) -> Clone:
    """With `base` for the image's base."""
    tree.variables["PANTS_IMAGE_ASSEMBLY_BASE"] = base
    return tree


@pytest.fixture(scope="session")
def tree(tmp_path_factory: pytest.TempPathFactory, base: str) -> Iterator[Clone]:
    """A clone in which nothing was changed yet."""
    made = on_base(clone(Path.cwd(), tmp_path_factory.mktemp("tree") / "clone"), base)
    try:
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="session")
def built(tree: Clone, tmp_path_factory: pytest.TempPathFactory) -> Layout:
    """The image before any change."""
    tree.pants("package", TARGET)
    written = Layout.read(tree.root)
    # Later builds write to the same place.
    kept = tmp_path_factory.mktemp("built") / "layout"
    shutil.copytree(written.folder, kept)
    return replace(written, folder=kept)
