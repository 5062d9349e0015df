"""Bases that no engine can have."""

from __future__ import annotations

import pytest
from pants.engine.addresses import Address

from qingkong_build.oci.engine.rules import ContainerEngine
from qingkong_build.oci.image.engine_base import (
    EngineBaseRequest,
    MissingBaseError,
    check_is_name,
)


def request(reference: str) -> EngineBaseRequest:
    engine = ContainerEngine.__new__(ContainerEngine)
    return EngineBaseRequest(engine, reference, Address("src/shop", target_name="oci"))


@pytest.mark.parametrize("reference", ["oci:/srv/base", "docker-archive:/srv/base.tar"])
def test_a_path(reference: str) -> None:
    with pytest.raises(MissingBaseError) as error:
        check_is_name(request(reference))
    for part in ("src/shop:oci", f"base={reference}", "Fix: package src/shop:oci", "docker load"):
        assert part in str(error.value)


def test_a_name() -> None:
    check_is_name(request("oci.example.test/python:3.12"))
