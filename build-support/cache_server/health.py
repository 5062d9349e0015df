"""Ask the server on this machine whether it serves: exit status 0, or an error in one line.

For health checks of containers, which cannot reach it from outside.
"""

from __future__ import annotations

import os
import sys

import grpc  # type: ignore[import-untyped]  # pants: no-infer-dep
from cache_server.settings import DEFAULT_ADDRESS
from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]  # pants: no-infer-dep
from listening.address import Address, AddressError

_SECONDS = 10.0


def main() -> None:
    text = os.environ.get("CACHE_SERVER_ADDRESS") or DEFAULT_ADDRESS
    try:
        address = Address.parse(text, "CACHE_SERVER_ADDRESS").from_here
    except AddressError as error:
        sys.exit(f"cache-server: {error}")
    try:
        with grpc.insecure_channel(str(address)) as channel:
            health = health_pb2_grpc.HealthStub(channel)
            answer = health.Check(health_pb2.HealthCheckRequest(), timeout=_SECONDS)
    except grpc.RpcError as error:
        sys.exit(
            f"cache-server: no answer: CACHE_SERVER_ADDRESS={address}: {error.details()}. "
            "Fix: see the log of the server."
        )
    if answer.status != health_pb2.HealthCheckResponse.SERVING:
        sys.exit(
            f"cache-server: does not serve: CACHE_SERVER_ADDRESS={address}: "
            f"status={answer.status}. Fix: see the log of the server."
        )


if __name__ == "__main__":
    main()
