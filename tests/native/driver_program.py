"""First-party code that imports the driver: says which one it got."""

from __future__ import annotations

import hashlib
import json
import sys
from importlib import metadata
from pathlib import Path

import asyncmy
import asyncmy.connection


def describe() -> dict[str, object]:
    """Which distributions of the driver this process sees, and the code that it runs."""
    found = list(metadata.distributions(name="asyncmy"))
    library = Path(str(asyncmy.connection.__file__))
    return {
        "distributions": len(found),
        "record": json.loads(found[0].read_text("native_wheel.json") or "null"),
        "package": str(asyncmy.__file__),
        "library": library.name,
        "sha256": hashlib.sha256(library.read_bytes()).hexdigest(),
        # False if importing it changed the arithmetic of the process.
        "keeps_small_numbers": sys.float_info.min / 2 != 0.0,
    }


if __name__ == "__main__":
    json.dump(describe(), sys.stdout)
