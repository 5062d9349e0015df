"""A little image with its lockfile, for tests: real archives, metadata as installers write them."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from image_view import ImageView, read_image
from layout_builder import Node, write_layout
from oci_layout import Layout

SITE = "usr/local/lib/python3.12/site-packages"
SETTINGS: dict[str, Any] = {
    "Env": ["PYTHON_VERSION=3.12.1"],
    "Labels": {
        "org.opencontainers.image.title": "Shop",
        "org.opencontainers.image.version": "1.4.0",
    },
}
NATIVE = {
    "project": "fast",
    "sdist_sha256": "f" * 64,
    "compiler": "gcc 12.2.0",
    "python": "3.12",
    "build_requirements": {"cython": "3.3.1"},
    "compile_args": ["-Os"],
    "link_args": ["-s"],
    "define_macros": {},
    "env_vars": {},
}
WHEEL = "fast-2.0-cp312-cp312-linux_x86_64.whl"
STATUS = """\
Package: adduser
Status: install ok installed
Architecture: all
Version: 3.134

Package: libc6
Status: install ok installed
Architecture: amd64
Version: 2.36-9+deb12u10

Package: gone
Status: deinstall ok config-files
Architecture: all
Version: 1
"""
# The shop asks for money on every platform, for colours on one that this is not, and for tests
# only with an extra.
SHOP_NEEDS = (
    "money>=1",
    'colours>=1; platform_system == "Windows"',
    'pytest>=8; extra == "test"',
)

Tree = dict[str, Node | str | bytes]


def distribution(
    name: str, version: str, tag: str = "py3-none-any", metadata: str = "License: MIT"
) -> Tree:
    """The files of an installed distribution with one module."""
    info = f"{SITE}/{name}-{version}.dist-info"
    module = f"NAME = {name!r}\n"
    digest = base64.urlsafe_b64encode(hashlib.sha256(module.encode()).digest()).decode()
    return {
        f"{SITE}/{name}.py": module,
        f"{info}/METADATA": f"Name: {name}\nVersion: {version}\n{metadata}\n\nNo more.\n",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nTag: {tag}\n",
        f"{info}/RECORD": f"{name}.py,sha256={digest.rstrip('=')},9\n{name}_left_out.py,,\n",
    }


def base() -> Tree:
    return {
        "etc/os-release": 'ID=debian\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\n',
        "var/lib/dpkg/status": STATUS,
        "var/lib/dpkg/info/adduser.list": "/.\n",
        "var/lib/dpkg/info/libc6:amd64.list": "/.\n",
        **distribution("pip", "23.2"),
    }


def ours() -> Tree:
    fast = f"{SITE}/fast-2.0.dist-info/native_wheel.json"
    return {
        **distribution("shop", "1.4.0", metadata="License-Expression: MIT OR Apache-2.0"),
        **distribution("money", "1.1", "cp312-cp312-manylinux_2_17_x86_64"),
        **distribution("fast", "2.0", "cp312-cp312-linux_x86_64"),
        fast: json.dumps(NATIVE),
    }


def image(
    place: Path, *, ours: Mapping[str, Any], base: Mapping[str, Any], **more: Any
) -> ImageView:
    """The image; its layout is at `place`."""
    settings = more.pop("settings", SETTINGS)
    layout = Layout(write_layout(place, [base, ours], settings, **more))
    (manifest,) = layout.images()
    return read_image(layout, manifest, None)


def entry(name: str, version: str, files: Sequence[str], needs: Sequence[str] = ()) -> Any:
    return {
        "project_name": name,
        "version": version,
        "requires_dists": list(needs),
        "artifacts": [
            {"hash": hashlib.sha256(file.encode()).hexdigest(), "url": f"https://x.test/{file}"}
            for file in files
        ],
    }


def write_lock(path: Path, *entries: Any, roots: Sequence[str] = ("Shop[card]>=1",)) -> Path:
    """A lockfile as Pants writes it; without entries, that of the image above."""
    locked = entries or (
        entry("Shop", "1.4.0", ["shop-1.4.0-py3-none-any.whl", "shop-1.4.0.tar.gz"], SHOP_NEEDS),
        entry(
            "money",
            "1.1",
            [
                "money-1.1-cp312-cp312-manylinux_2_17_aarch64.whl",
                "money-1.1-cp312-cp312-manylinux_2_17_x86_64.whl",
            ],
        ),
        entry("colours", "3.0", ["colours-3.0-py3-none-any.whl"]),
    )
    document = {
        "requirements": list(roots),
        "locked_resolves": [{"locked_requirements": list(locked)}],
    }
    path.write_text(f"// Written by Pants.\n{json.dumps(document)}\n")
    return path
