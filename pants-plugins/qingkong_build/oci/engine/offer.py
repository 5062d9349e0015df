"""How a process that must not know where an engine is reads an image of it.

A cached process is keyed by its arguments and its variables, and where an image was found does not
change what is in it. So the process is told the image's ID only; beside it lies a file that says
what to run for the image's archive, which is no part of the key.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping

from qingkong_build.oci.engine.address import EngineAddress


def offer_content(address: EngineAddress, environment: Mapping[str, str], image_id: str) -> str:
    """That file: in JSON, a command line, its variables, and what it reads."""
    tls = address.tls
    request = {
        "url": address.url,
        "origin": address.origin,
        "explicit": address.explicit,
        "tls": None if tls is None else {"directory": tls.directory, "verify": tls.verify},
        "environment": dict(environment),
        "image_id": image_id,
    }
    return json.dumps(
        {
            "argv": [sys.executable, "-s", "-m", f"{__package__}.save"],
            # Plugins are where Pants found them; they need not be installed.
            "env": {**environment, "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))},
            "stdin": json.dumps(request, sort_keys=True),
        }
    )
