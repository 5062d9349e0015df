"""What docs/image.md has on looking into the image, run."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
from incremental.conftest import TARGET
from incremental.layouts import Layout
from pages import read_sections

from measuring.clone import Clone

SECTIONS = read_sections(Path("docs/image.md"))


@pytest.fixture(scope="module")
def printed(tree: Clone, built: Layout) -> list[str]:
    """What each command prints, in their order."""
    titles = ("Why a package is in it", "What is in the image, as a picture")
    lines = [line for title in titles for block in SECTIONS[title].commands for line in block]
    words = [shlex.split(line, comments=True) for line in lines]
    assert {each[0] for each in words} == {"./pants"}
    return [tree.pants(*each[1:]).output for each in words]


def test_why_a_package_is_in_it(printed: list[str]) -> None:
    table, one, data, _ = printed
    assert " distributions, " in table
    assert one.startswith("yarl ")
    assert "  asked for: " in one
    names = {entry["name"] for entry in json.loads(data)}
    assert {"asyncmy", "fastapi", "yarl"} <= names


def test_the_picture(printed: list[str], tree: Clone) -> None:
    tree.pants("package", TARGET)
    image = Layout.read(tree.root)
    assert printed[-1] == "Wrote dist/image.html\n"
    text = (tree.root / "dist/image.html").read_text(encoding="utf-8")
    for part in (
        image.manifest,
        "fastapp:latest-py3.12",
        "<svg",
        "base</th>",
        "deploy/runtime.requirements-web</th>",
        ">fastapi ",
        "/app/fastapp</th>",
    ):
        assert part in text
