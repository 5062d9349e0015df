"""Bases that no engine can have."""

from __future__ import annotations

import pytest
from pants.engine.addresses import Address
from pants.testutil.option_util import create_subsystem
from pants.testutil.rule_runner import run_rule_with_mocks

from qingkong_build.oci.engine.client import Engine
from qingkong_build.oci.engine.rules import ContainerEngine
from qingkong_build.oci.image.engine_base import EngineBaseRequest, MissingBaseError, have_base
from qingkong_build.oci.image.subsystem import ImageAssembly


class ContactError(Exception):
    """The engine was to be asked."""


class UnusedEngine(ContainerEngine):
    def __init__(self) -> None:
        """It has no address."""

    def client(self) -> Engine:
        raise ContactError


def have(reference: str) -> None:
    address = Address("src/shop", target_name="oci")
    options = create_subsystem(ImageAssembly, stand_ins={}, base_hint="choose another")
    request = EngineBaseRequest(UnusedEngine(), reference, address)
    run_rule_with_mocks(have_base, rule_args=[request, options])


@pytest.mark.parametrize("reference", ["oci:/srv/base", "docker-archive:/srv/base.tar"])
def test_a_path(reference: str) -> None:
    with pytest.raises(MissingBaseError) as error:
        have(reference)
    for part in ("src/shop:oci", f"base={reference}", "Fix: package src/shop:oci", "docker load"):
        assert part in str(error.value)


def test_a_name() -> None:
    with pytest.raises(ContactError):
        have("oci.example.test/python:3.12")
