"""One driver in a process of its own: does what it is told on standard input, one JSON a line.

    worker.py MODULE '{"host": ..., "port": ..., "user": ..., "password": ..., "database": ...}'

`{"do": "identify"}` says which driver this is, `{"do": WORKLOAD, "size": {...}}` runs a workload
and says what it took, `{"do": "digest"}` says what a scan gave. Standard library and driver only.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable
from typing import Any

from driver.identity import identity
from driver.timing import Size

# How each driver is used: awaited, or from threads. Also the names of their distributions.
AWAITED = {"asyncmy": "asyncmy", "aiomysql": "aiomysql"}
THREADED = {"pymysql": "PyMySQL", "MySQLdb": "mysqlclient"}


def workloads(module: str, connection: dict[str, Any]) -> dict[str, Callable[[Size], Any]]:
    """What this driver can be told to do."""
    if module in AWAITED:
        from driver.awaited import Awaited

        return Awaited(importlib.import_module(module), connection).workloads()
    from driver.threaded import Threaded

    return Threaded(importlib.import_module(module), connection).workloads()


def main(argv: list[str]) -> int:
    module, connection = argv[0], json.loads(argv[1])
    known = workloads(module, connection)
    for line in sys.stdin:
        request = json.loads(line)
        if request["do"] == "identify":
            answer: Any = identity((AWAITED | THREADED)[module], module)
        else:
            answer = known[request["do"]](Size(**request["size"]))
        print(json.dumps(answer), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
