"""Which driver a process really has: not what it was asked for, but what was loaded."""

from __future__ import annotations

import hashlib
import json
import sys
from importlib import metadata
from typing import Any

_RECORD = "native_wheel.json"


def identity(project: str, module: str) -> dict[str, Any]:
    """Version, record of the build (None for the index's wheels) and hashes of what was loaded.

    `libraries` has the sha256 of each extension module of the distribution by its path in the
    wheel, `loaded` the paths of those that this process runs.
    """
    distribution = metadata.distribution(project)
    record = distribution.read_text(_RECORD)
    libraries = {}
    paths = {}
    for file in distribution.files or ():
        if file.suffix == ".so":
            path = str(file.locate())
            paths[path] = str(file)
            libraries[str(file)] = hashlib.sha256(file.read_binary()).hexdigest()
    files = {getattr(loaded, "__file__", None) for loaded in list(sys.modules.values())}
    return {
        "module": module,
        "version": distribution.version,
        "record": None if record is None else json.loads(record),
        "libraries": libraries,
        "loaded": sorted(name for path, name in paths.items() if path in files),
    }
