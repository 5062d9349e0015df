"""An error of an address that leads nowhere says who names it, and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest
from pants_missing import fix

ABSENT = (
    "The file or directory 'src/apps/shop' does not exist on disk in the workspace, so the address "
    "'src/apps/shop' from the `dependencies` field from the target services/shop:runtime cannot be "
    "resolved."
)
BARE = "Directory 'src/apps/shop' does not contain any BUILD files."


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for path, text in {
        "services/shop/BUILD": 'fastapp_service(name="shop", apps=["src/apps/shop"])\n',
        "services/other/BUILD": 'fastapp_service(name="other", apps=["src/apps/shop-two"])\n',
        ".hidden/BUILD": "src/apps/shop\n",
        "dist/BUILD": "src/apps/shop\n",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    # It can be read by no one.
    (tmp_path / "BUILD").symlink_to("nowhere")
    return tmp_path


@pytest.mark.parametrize(
    ("text", "start"),
    [
        (ABSENT, "Fix: make src/apps/shop, "),
        (BARE, "Fix: write src/apps/shop/BUILD (`./pants tailor src/apps/shop:`), "),
    ],
)
def test_the_fix(root: Path, text: str, start: str) -> None:
    assert fix(f"1 Exception encountered:\n\nResolveError: {text}\n", root) == (
        f"{start}or correct the address in services/shop/BUILD (of a `fastapp_service`: in its "
        "`apps`)."
    )


def test_no_build_file_names_it(tmp_path: Path) -> None:
    assert "in the BUILD file or the command that names it" in str(fix(BARE, tmp_path))


@pytest.mark.parametrize("text", ["No space left on device", f"{BARE} Fix: correct it."])
def test_nothing_to_add(root: Path, text: str) -> None:
    assert fix(text, root) is None
