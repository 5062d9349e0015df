"""Print a Dockerfile's instructions as JSON, as BuildKit's own parser has them."""

from __future__ import annotations

import json
import sys

# A compiled module without stubs.
from dockerfile import parse_file  # type: ignore[import-not-found]


def main() -> int:
    instructions = [
        {
            "name": command.cmd.upper(),
            "flags": list(command.flags),
            "values": list(command.value),
            "exec_form": command.json,
            "line": command.start_line,
            "text": command.original,
        }
        for command in parse_file(sys.argv[1])
    ]
    json.dump(instructions, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
