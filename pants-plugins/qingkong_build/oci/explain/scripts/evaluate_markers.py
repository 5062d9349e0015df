"""Tell which markers hold on this interpreter, for each extra that they name and for none.

    python evaluate_markers.py MARKERS.json

Reads a list, and prints a mapping from each marker to a mapping from extra ("" for none) to truth.
"""

from __future__ import annotations

import json
import re
import sys

from packaging.markers import Marker
from packaging.utils import canonicalize_name

_EXTRA = re.compile(r"""\bextra\s*==\s*['"]([^'"]+)['"]""")


def evaluate(marker: str) -> dict[str, bool]:
    """Whether `marker` holds, by extra."""
    parsed = Marker(marker)
    extras = ["", *(canonicalize_name(name) for name in _EXTRA.findall(marker))]
    return {extra: parsed.evaluate({"extra": extra}) for extra in extras}


def main(argv: list[str]) -> int:
    (path,) = argv
    with open(path, encoding="utf-8") as file:
        markers: list[str] = json.load(file)
    json.dump({marker: evaluate(marker) for marker in markers}, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
