from __future__ import annotations

import pytest
from pants.backend.python.dependency_inference.module_mapper import (
    FirstPartyPythonMappingImpl,
    ModuleProvider,
    ModuleProviderType,
)
from pants.backend.python.subsystems.setup import PythonSetup
from pants.engine.addresses import Address
from pants.engine.target import AllTargets, InvalidFieldException
from pants.testutil.option_util import create_subsystem
from pants.testutil.rule_runner import run_rule_with_mocks

from qingkong_build.native_wheel.module_mapping import (
    NativeWheelMappingMarker,
    map_native_wheels_to_modules,
)
from qingkong_build.native_wheel.target_types import NativeWheelTarget

ADDRESS = Address("3rdparty/tiny", target_name="wheel")


def mapping(**fields: object) -> FirstPartyPythonMappingImpl:
    """What imports mean where one `native_wheel` has these fields, in two resolves."""
    target = NativeWheelTarget(
        {"project": "tiny", "version": "1.0", "sha256": "0" * 64, **fields}, ADDRESS
    )
    result: FirstPartyPythonMappingImpl = run_rule_with_mocks(
        map_native_wheels_to_modules,
        rule_args=[
            NativeWheelMappingMarker(),
            AllTargets([target]),
            create_subsystem(PythonSetup, resolves={"prod": "p.lock", "dev": "d.lock"}),
        ],
    )
    return result


PROVIDER = (ModuleProvider(ADDRESS, ModuleProviderType.IMPL),)


def test_every_resolve_by_default() -> None:
    assert mapping(modules=["tiny", "tiny.sub"]) == FirstPartyPythonMappingImpl.create(
        {
            "dev": {"tiny": PROVIDER, "tiny.sub": PROVIDER},
            "prod": {"tiny": PROVIDER, "tiny.sub": PROVIDER},
        }
    )


def test_named_resolves() -> None:
    assert mapping(modules=["tiny"], resolves=["dev"]) == FirstPartyPythonMappingImpl.create(
        {"dev": {"tiny": PROVIDER}}
    )


def test_no_modules() -> None:
    assert not mapping()


def test_unknown_resolve() -> None:
    with pytest.raises(InvalidFieldException) as error:
        mapping(modules=["tiny"], resolves=["dev", "production"])
    message = str(error.value)
    assert "'resolves' field in target 3rdparty/tiny:wheel names 'production'" in message
    assert "dev, prod. Use one of these" in message
