"""One name for two processors: what this machine cannot run is assembled, and inspected."""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping

import pytest
from incremental.conftest import TARGET
from incremental.layouts import ARCHITECTURES, Layout

from measuring.clone import Clone
from measuring.commands import CommandError

# `e_machine` of the ELF header, and how Python calls the processor in names of extensions.
_MACHINES = {"amd64": (62, "x86_64"), "arm64": (183, "aarch64")}


@pytest.fixture(scope="module")
def images(tree: Clone) -> dict[str, Layout]:
    """Both images, with the one alone beside them."""
    # The tree is as other tests have left it.
    tree.pants("package", "deploy:multi", TARGET)
    return Layout.read_index(tree.root)


@pytest.fixture(scope="module")
def files(images: Mapping[str, Layout]) -> dict[str, dict[str, bytes]]:
    """What is in each."""
    return {architecture: image.files() for architecture, image in images.items()}


def test_both_are_there_and_one_is_the_image_alone(
    tree: Clone, images: Mapping[str, Layout]
) -> None:
    assert tuple(images) == ARCHITECTURES
    assert images["amd64"].manifest == Layout.read(tree.root).manifest


def test_only_this_image_takes_a_cross_compiler(tree: Clone) -> None:
    without = "--native-wheels-cross-compilers={}"
    tree.pants(without, "package", TARGET)
    with pytest.raises(CommandError) as error:
        tree.pants(without, "package", "deploy:multi")
    assert "[native-wheels].cross_compilers names no C compiler for linux/arm64" in str(error.value)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_library_is_for_its_processor(
    files: Mapping[str, Mapping[str, bytes]], architecture: str
) -> None:
    number, machine = _MACHINES[architecture]
    libraries = {
        name: content
        for name, content in files[architecture].items()
        if content.startswith(b"\x7fELF")
    }
    assert [name for name in libraries if "/asyncmy/" in name]
    for name, content in libraries.items():
        assert struct.unpack_from("<H", content, 18)[0] == number, name
        if ".cpython-" in name:
            assert f".cpython-312-{machine}-linux-gnu.so" in name


def distributions(files: Mapping[str, bytes]) -> set[str]:
    """Names and versions of what is installed."""
    found = {re.search(r"/([^/]+)\.dist-info/METADATA$", name) for name in files}
    return {match[1] for match in found if match is not None}


def test_both_have_the_same_distributions_and_sources(
    files: Mapping[str, Mapping[str, bytes]],
) -> None:
    one, other = (files[each] for each in ARCHITECTURES)
    assert distributions(one) == distributions(other)
    assert "asyncmy-0.2.18+qingkong.1" in distributions(one)
    sources = [name for name in one if name.startswith("app/")]
    assert len(sources) > 50
    assert {name: one[name] for name in sources} == {name: other[name] for name in sources}


def test_layers_without_libraries_are_shared(images: Mapping[str, Layout]) -> None:
    one, other = ([*images[each].layers] for each in ARCHITECTURES)
    assert len(one) == len(other)
    same = [mine for mine, theirs in zip(one, other, strict=True) if mine == theirs]
    # A registry has them once; the smallest of the others are the base and the driver.
    assert len(same) >= len(one) // 2
    assert one[0] != other[0]
