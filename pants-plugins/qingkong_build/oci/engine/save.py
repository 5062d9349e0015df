"""Write the archive of an image to standard output.

    python -m qingkong_build.oci.engine.save <request.json

For a process that must not know where the engine is: see `offer.py`.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from qingkong_build.oci.engine.address import EngineAddress, Tls
from qingkong_build.oci.engine.client import Engine
from qingkong_build.oci.engine.errors import EngineError


def main() -> int:
    request: dict[str, Any] = json.load(sys.stdin)
    tls = None if request["tls"] is None else Tls(**request["tls"])
    address = EngineAddress(request["url"], request["origin"], request["explicit"], tls)
    engine = Engine(address, request["environment"])
    try:
        image = engine.inspect(f"sha256:{request['image_id']}")
        if image is None:
            sys.stderr.write(f"the {engine} no longer has sha256:{request['image_id']}\n")
            return 1
        for chunk in engine.save(image):
            sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()
    except EngineError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
