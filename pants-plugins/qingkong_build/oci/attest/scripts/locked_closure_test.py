"""What is installed from a lockfile, on the image's platform."""

from __future__ import annotations

from pathlib import Path

import pytest
from attest_error import AttestError
from locked_closure import built_wheel, closure, marker_environment
from shop_image import entry, write_lock

LINUX = marker_environment("3.12.1", "amd64")


def test_what_applies_here(tmp_path: Path) -> None:
    found = closure(write_lock(tmp_path / "prod.lock"), LINUX)
    assert list(found) == ["money", "shop"], "neither Windows' nor an extra's that none asks for"
    assert found["shop"].requires == ("money",)
    assert found["shop"].version == "1.4.0"
    assert [file.name for file in found["shop"].artifacts] == [
        "shop-1.4.0-py3-none-any.whl",
        "shop-1.4.0.tar.gz",
    ]
    assert [len(file.tags) for file in found["shop"].artifacts] == [1, 0]


def test_extras(tmp_path: Path) -> None:
    lock = write_lock(
        tmp_path / "prod.lock",
        entry("shop", "1", ["shop-1-py3-none-any.whl"], ['cards[visa]; extra == "card"']),
        entry("cards", "2", ["cards-2-py3-none-any.whl"], ['visa>=1; extra == "visa"', "shop"]),
        entry("visa", "3", ["visa-3-py3-none-any.whl"], ["shop"]),
        roots=["shop[card]"],
    )
    assert list(closure(lock, LINUX)) == ["cards", "shop", "visa"]


def test_an_extra_that_is_asked_for_later(tmp_path: Path) -> None:
    lock = write_lock(
        tmp_path / "prod.lock",
        entry("one", "1", ["one-1-py3-none-any.whl"], ['two; extra == "more"']),
        entry("two", "1", ["two-1-py3-none-any.whl"]),
        entry("root", "1", ["root-1-py3-none-any.whl"], ["one[more]"]),
        roots=["root", "one"],
    )
    assert list(closure(lock, LINUX)) == ["one", "root", "two"]


def test_what_an_image_asks_for(tmp_path: Path) -> None:
    lock = write_lock(
        tmp_path / "prod.lock",
        entry("web", "1", ["web-1-py3-none-any.whl"], ["money"]),
        entry("money", "1", ["money-1-py3-none-any.whl"]),
        entry("mail", "1", ["mail-1-py3-none-any.whl"]),
        roots=["web", "mail"],
    )
    assert list(closure(lock, LINUX)) == ["mail", "money", "web"]
    assert list(closure(lock, LINUX, ["web>=1"])) == ["money", "web"]
    assert list(closure(lock, LINUX, [])) == []


def test_architectures(tmp_path: Path) -> None:
    lock = write_lock(
        tmp_path / "prod.lock",
        entry("arm", "1", ["arm-1-py3-none-any.whl"]),
        roots=['arm; platform_machine == "aarch64"'],
    )
    assert list(closure(lock, LINUX)) == []
    assert list(closure(lock, marker_environment("3.12.1", "arm64"))) == ["arm"]


def test_a_lock_that_lacks_one(tmp_path: Path) -> None:
    lock = write_lock(tmp_path / "prod.lock", entry("shop", "1", [], ["money"]), roots=["shop"])
    with pytest.raises(AttestError, match="prod.lock locks no 'money', which shop asks for"):
        closure(lock, LINUX)


@pytest.mark.parametrize(("roots", "parent"), [(None, "its header"), (["money"], "the image")])
def test_a_lock_that_lacks_a_root(tmp_path: Path, roots: list[str] | None, parent: str) -> None:
    lock = write_lock(tmp_path / "prod.lock", entry("shop", "1", []), roots=["money"])
    with pytest.raises(AttestError, match=f"locks no 'money', which {parent} asks for. Fix: "):
        closure(lock, LINUX, roots)


def test_a_built_wheel() -> None:
    found = built_wheel(Path("dist/Fast_Thing-2.0-cp312-cp312-linux_x86_64.whl"), "ab")
    assert (found.name, found.version) == ("fast-thing", "2.0")
    assert [(file.sha256, len(file.tags)) for file in found.artifacts] == [("ab", 1)]
