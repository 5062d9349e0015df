"""The driver's wheel as Pants built it, and what this machine builds with."""

from __future__ import annotations

import io
import json
import os
import platform
import subprocess
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RECORD = ".dist-info/native_wheel.json"


@dataclass(frozen=True)
class Wheel:
    """A wheel: its file name, its bytes, and its files by name."""

    name: str
    content: bytes
    files: dict[str, bytes]

    @property
    def record(self) -> dict[str, Any]:
        """How it was built."""
        (found,) = (body for name, body in self.files.items() if name.endswith(RECORD))
        record: dict[str, Any] = json.loads(found)
        return record

    @property
    def libraries(self) -> dict[str, bytes]:
        """Its machine code."""
        return {name: body for name, body in self.files.items() if name.endswith(".so")}


def read_wheel() -> Wheel:
    """The wheel of `3rdparty/asyncmy:wheel`, which Pants puts where tests run."""
    (path,) = Path().glob("asyncmy-*.whl")
    content = path.read_bytes()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    return Wheel(path.name, content, files)


def first_line(*command: str) -> str:
    """The first line that a program prints."""
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.splitlines()[0]


def made_with(record: dict[str, Any]) -> dict[str, str]:
    """All that may change a wheel's bytes: what its record has, and what this machine adds."""
    return {
        "compiler": record["compiler"],
        **{f"build requirement {k}": v for k, v in record["build_requirements"].items()},
        "CPython": record["python_version"],
        "network": record["network"],
        "machine": os.uname().machine,
        # Not in the record, since the bytes need not depend on them.
        "linker": first_line("ld", "--version"),
        "C library": " ".join(platform.libc_ver()),
    }
