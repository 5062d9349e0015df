"""Dependency inference: `import asyncmy` means the wheel that is built here."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from pants.backend.python.dependency_inference.module_mapper import (
    FirstPartyPythonMappingImpl,
    FirstPartyPythonMappingImplMarker,
    ModuleProvider,
    ModuleProviderType,
)
from pants.backend.python.subsystems.setup import PythonSetup
from pants.engine.rules import collect_rules, rule
from pants.engine.target import AllTargets, InvalidFieldException
from pants.engine.unions import UnionRule

from qingkong_build.native_wheel.target_types import (
    NativeWheelModulesField,
    NativeWheelResolvesField,
)


class NativeWheelMappingMarker(FirstPartyPythonMappingImplMarker):
    pass


@rule(desc="Map native wheels to the modules they provide")
async def map_native_wheels_to_modules(
    _: NativeWheelMappingMarker, all_targets: AllTargets, python_setup: PythonSetup
) -> FirstPartyPythonMappingImpl:
    known = python_setup.resolves
    mapping: defaultdict[str, defaultdict[str, list[ModuleProvider]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for target in all_targets:
        if not target.has_field(NativeWheelModulesField):
            continue
        resolves = target[NativeWheelResolvesField].value or tuple(known)
        for resolve in resolves:
            if resolve not in known:
                raise InvalidFieldException(
                    f"The {NativeWheelResolvesField.alias!r} field in target {target.address} "
                    f"names {resolve!r}, but [python.resolves] has only: "
                    f"{', '.join(sorted(known))}. Use one of these."
                )
            for module in target[NativeWheelModulesField].value or ():
                mapping[resolve][module].append(
                    ModuleProvider(target.address, ModuleProviderType.IMPL)
                )
    return FirstPartyPythonMappingImpl.create(mapping)


def rules() -> Iterable[object]:
    return (
        *collect_rules(),
        UnionRule(FirstPartyPythonMappingImplMarker, NativeWheelMappingMarker),
    )
