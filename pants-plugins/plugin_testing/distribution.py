"""Plugins as an installed distribution: a wheel, as a release of them is."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from collections.abc import Iterable
from pathlib import Path

_PLUGINS = Path("pants-plugins")


def write_wheel(directory: Path, name: str, packages: Iterable[str]) -> Path:
    """Write version 1.0 of a distribution that has these packages, their programs too.

    Args:
        directory: gets the wheel.
        name: the distribution's.
        packages: of pants-plugins/, by name; what a test depends on of them.
    """
    info = f"{name.replace('-', '_')}-1.0.dist-info"
    files = {
        path.relative_to(_PLUGINS).as_posix(): path.read_bytes()
        for package in packages
        for path in sorted((_PLUGINS / package).rglob("*.py"))
        if not path.name.endswith("_test.py")
    }
    files[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode()
    files[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    lines = [f"{path},sha256={_hash(content)},{len(content)}" for path, content in files.items()]
    record = f"{info}/RECORD"
    files[record] = "\n".join([*lines, f"{record},,", ""]).encode()
    wheel = directory / f"{name.replace('-', '_')}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, content in files.items():
            archive.writestr(path, content)
    return wheel


def _hash(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
