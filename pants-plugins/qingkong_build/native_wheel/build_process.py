"""Builds the wheel of a `native_wheel`: one process, and what goes into it.

It needs no PEX: the compiler starts as soon as the source distribution and the build requirements
are downloaded. It runs one compiler for each processor of the machine. `{pants_concurrency}` would
be what is free at the moment at which it starts, which is often one of two, and stays so.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pants.backend.python.subsystems.setup import PythonSetup
from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.backend.python.util_rules.pex_environment import PythonExecutable
from pants.engine.addresses import Address
from pants.engine.fs import Digest, DigestContents, FileContent, MergeDigests
from pants.engine.platform import Platform
from pants.engine.process import Process, ProcessResult
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.engine.target import (
    HydratedSources,
    HydrateSourcesRequest,
    InvalidFieldException,
    Target,
    TransitiveTargets,
    TransitiveTargetsRequest,
    WrappedTarget,
    WrappedTargetRequest,
)

from qingkong_build.downloads.rules import VerifiedFile
from qingkong_build.native_wheel import build_requirements, compiler, only_source, sdist
from qingkong_build.native_wheel.build_requirements import (
    BuildRequirements,
    BuildRequirementsRequest,
)
from qingkong_build.native_wheel.compiler import Compiler, CompilerRequest, NativeWheelSubsystem
from qingkong_build.native_wheel.flag_fields import (
    NativeWheelCompileArgsField,
    NativeWheelDefineMacrosField,
    NativeWheelEnvVarsField,
    NativeWheelLinkArgsField,
    NativeWheelProfileField,
)
from qingkong_build.native_wheel.machines import MACHINES, other_platform
from qingkong_build.native_wheel.only_source import OnlySource, OnlySourceRequest
from qingkong_build.native_wheel.profiles import InvalidProfile, find_profile
from qingkong_build.native_wheel.sdist import SdistRequest
from qingkong_build.native_wheel.target_types import (
    NativeWheelBuildResolveField,
    NativeWheelExcludeField,
    NativeWheelInterpreterConstraintsField,
    NativeWheelLocalVersionField,
    NativeWheelManylinuxField,
    NativeWheelModulesField,
    NativeWheelPatchesField,
    NativeWheelPlatformField,
    NativeWheelProjectField,
    NativeWheelResolvesField,
    NativeWheelSha256Field,
    NativeWheelSizeField,
    NativeWheelVersionField,
)
from qingkong_build.sandbox.rules import ScriptRequest
from qingkong_build.sandbox.rules import rules as script_rules
from qingkong_build.sandbox.script import Script

_BACKEND = Script(
    "qingkong_build.native_wheel",
    "native_wheel_backend",
    (
        "native_wheel_cross",
        "native_wheel_errors",
        "native_wheel_hook",
        "native_wheel_output",
        "native_wheel_parallel",
        "native_wheel_patch",
        "native_wheel_platform",
        "native_wheel_probes",
        "native_wheel_repack",
        "sitecustomize",
    ),
)
# Where a build leaves its wheel.
OUT = "wheel"
# The back end needs `tomllib`.
_OLDEST_PYTHON = (3, 11)


@dataclass(frozen=True)
class NativeWheelBuildRequest:
    """Build the target at `address` for the interpreters of `constraints`, which must be one."""

    address: Address
    constraints: InterpreterConstraints


@dataclass(frozen=True)
class NativeWheelRequest:
    """Build the target at `address` for the interpreters that `pants package` builds it for."""

    address: Address


@dataclass(frozen=True)
class NativeWheelInputs:
    """What the build of a wheel downloads and looks for."""

    compiler: Compiler
    python: PythonExecutable
    requirements: BuildRequirements
    sdist: VerifiedFile
    patches: HydratedSources


@dataclass(frozen=True)
class NativeWheelProcess:
    """The build of a wheel, of which everything is at hand: it has only to run."""

    process: Process


@dataclass(frozen=True)
class BuiltNativeWheel:
    """`digest` holds the wheel, which is all that is in the directory `OUT`."""

    digest: Digest


def check_interpreter(
    target: Target, constraints: InterpreterConstraints, universe: Iterable[str]
) -> tuple[int, int]:
    """The minor version of the wheel's interpreter. Refuses constraints that are not of one."""
    try:
        versions = constraints.partition_into_major_minor_versions(universe)
    except ValueError:
        # No interpreter that Pants knows: below, with the target's name.
        versions = ()
    numbers = [tuple(map(int, version.split("."))) for version in versions]
    if len(numbers) == 1 and numbers[0] >= _OLDEST_PYTHON:
        return numbers[0][0], numbers[0][1]
    name = NativeWheelInterpreterConstraintsField.alias
    value = target[NativeWheelInterpreterConstraintsField].value
    oldest = ".".join(map(str, _OLDEST_PYTHON))
    raise InvalidFieldException(
        f"The {name!r} field in target {target.address} is "
        f"{'not set' if value is None else list(value)}, which with those of its dependencies "
        f"allows {constraints}: of the known interpreters {', '.join(versions) or 'none'}. A wheel "
        f"with C extensions is for one, {oldest} or later. Set the field to one minor version, "
        f"e.g. ['CPython=={versions[-1] if len(numbers) > 1 else '3.12'}.*']."
    )


def flags_of(target: Target, profiles: Mapping[str, Any]) -> dict[str, Any]:
    """The flags of a target, those of its profile first."""
    try:
        profile = find_profile(profiles, target[NativeWheelProfileField].value, str(target.address))
    except InvalidProfile as error:
        raise InvalidFieldException(str(error)) from None
    return {
        "compile_args": [*profile.compile_args, *(target[NativeWheelCompileArgsField].value or ())],
        "link_args": [*profile.link_args, *(target[NativeWheelLinkArgsField].value or ())],
        "define_macros": {
            **dict(profile.define_macros),
            **(target[NativeWheelDefineMacrosField].value or {}),
        },
    }


def _patches(target: Target, contents: DigestContents) -> list[tuple[str, bytes]]:
    """Name and content of each patch, in the order of the field."""
    directory = target.address.spec_path
    files = {file.path: file.content for file in contents}
    ordered = []
    for name in target[NativeWheelPatchesField].globs:
        path = os.path.join(directory, name)
        if path not in files:
            raise InvalidFieldException(
                f"The {NativeWheelPatchesField.alias!r} field in target {target.address} has "
                f"{name!r}, but there is no file {path}. Correct the name, or add the file."
            )
        ordered.append((name, files[path]))
    return ordered


def _build_resolve(target: Target, python_setup: PythonSetup) -> str:
    resolve = target[NativeWheelBuildResolveField].value
    if resolve not in python_setup.resolves:
        raise InvalidFieldException(
            f"The {NativeWheelBuildResolveField.alias!r} field in target {target.address} is "
            f"{resolve!r}, but [python.resolves] has only: "
            f"{', '.join(sorted(python_setup.resolves))}. Use one of these, or add it there."
        )
    return str(resolve)


def _fields(target: Target) -> dict[str, Any]:
    """What the build is told of the target's fields, beside its flags."""
    return {
        "target": target.address.spec,
        "project": target[NativeWheelProjectField].value,
        "version": target[NativeWheelVersionField].value,
        "profile": target[NativeWheelProfileField].value,
        "env_vars": dict(target[NativeWheelEnvVarsField].value or {}),
        "build_resolve": target[NativeWheelBuildResolveField].value,
        "manylinux": target[NativeWheelManylinuxField].value,
        "local_version": target[NativeWheelLocalVersionField].value,
        "exclude": list(target[NativeWheelExcludeField].value or ()),
        "sdist_sha256": target[NativeWheelSha256Field].value,
    }


def _tools(
    compiler: Compiler, python: PythonExecutable, subsystem: NativeWheelSubsystem
) -> dict[str, Any]:
    """What the build is told of the programs of the machine."""
    return {
        # Not read: it makes another interpreter, or another patch release of it under the same
        # path, another build.
        "python_fingerprint": python.fingerprint,
        "compiler_path": compiler.path,
        "compiler": compiler.version,
        "search_path": list(subsystem.search_path),
    }


def _files(
    spec: Mapping[str, Any], patches: Iterable[tuple[str, bytes]]
) -> tuple[FileContent, ...]:
    """What the build reads, under names that cannot meet a file of the sdist."""
    document = json.dumps(spec, indent=1, sort_keys=True).encode()
    return (
        FileContent("native_wheel_spec.json", document),
        *(
            FileContent(f"native_wheel_patches/{number}", content)
            for number, (_, content) in enumerate(patches)
        ),
    )


# Before the rule that calls it: Pants reads the `Get`s of helpers that it has already seen.
async def _check_only_source(target: Target) -> None:
    """Where the target provides modules, no lockfile may bring the same distribution."""
    if target[NativeWheelModulesField].value:
        await Get(
            OnlySource,
            OnlySourceRequest(
                target.address.spec,
                target[NativeWheelProjectField].value,
                target[NativeWheelResolvesField].value or (),
            ),
        )


@rule
async def own_constraints(
    request: NativeWheelRequest, python_setup: PythonSetup
) -> NativeWheelBuildRequest:
    closure = await Get(TransitiveTargets, TransitiveTargetsRequest([request.address]))
    constraints = InterpreterConstraints.create_from_targets(closure.closure, python_setup)
    return NativeWheelBuildRequest(
        request.address,
        constraints or InterpreterConstraints(python_setup.interpreter_constraints),
    )


@rule(desc="Get what a native wheel is built from")
async def get_inputs(
    request: NativeWheelBuildRequest, python_setup: PythonSetup, building: Platform
) -> NativeWheelInputs:
    address, constraints = request.address, request.constraints
    wrapped = await Get(
        WrappedTarget, WrappedTargetRequest(address, description_of_origin="<infallible>")
    )
    target = wrapped.target
    resolve = _build_resolve(target, python_setup)
    version = check_interpreter(target, constraints, python_setup.interpreter_versions_universe)
    other = other_platform(target[NativeWheelPlatformField].value, building)
    return NativeWheelInputs(
        *await MultiGet(
            Get(Compiler, CompilerRequest(other)),
            Get(PythonExecutable, InterpreterConstraints, constraints),
            Get(
                BuildRequirements,
                BuildRequirementsRequest(address.spec, resolve, constraints, version),
            ),
            Get(
                VerifiedFile,
                SdistRequest(
                    target=address.spec,
                    project=target[NativeWheelProjectField].value,
                    version=target[NativeWheelVersionField].value,
                    sha256=target[NativeWheelSha256Field].value,
                    size=target[NativeWheelSizeField].value,
                    interpreter_constraints=constraints,
                ),
            ),
            Get(HydratedSources, HydrateSourcesRequest(target[NativeWheelPatchesField])),
        )
    )


@rule
async def describe_build(
    request: NativeWheelBuildRequest, subsystem: NativeWheelSubsystem, building: Platform
) -> NativeWheelProcess:
    wrapped = await Get(
        WrappedTarget, WrappedTargetRequest(request.address, description_of_origin="<infallible>")
    )
    target = wrapped.target
    flags = flags_of(target, subsystem.profiles)
    await _check_only_source(target)
    inputs = await Get(NativeWheelInputs, NativeWheelBuildRequest, request)
    ordered = _patches(target, await Get(DigestContents, Digest, inputs.patches.snapshot.digest))
    spec = {
        **_fields(target),
        **flags,
        **_tools(inputs.compiler, inputs.python, subsystem),
        "patches": [name for name, _ in ordered],
        "sdist": inputs.sdist.filename,
    }
    other = other_platform(target[NativeWheelPlatformField].value, building)
    if other is not None:
        spec["machine"] = MACHINES[other]
    process = await Get(
        Process,
        ScriptRequest(
            _BACKEND,
            (f"--out={OUT}",),
            f"Build {target.address}",
            request.constraints,
            files=_files(spec, ordered),
            digest=await Get(
                Digest, MergeDigests([inputs.sdist.digest, inputs.requirements.digest])
            ),
            shared=inputs.requirements.shared,
            output_directories=(OUT,),
        ),
    )
    return NativeWheelProcess(process)


@rule(desc="Build a native wheel")
async def build_native_wheel(request: NativeWheelBuildRequest) -> BuiltNativeWheel:
    described = await Get(NativeWheelProcess, NativeWheelBuildRequest, request)
    result = await Get(ProcessResult, Process, described.process)
    return BuiltNativeWheel(result.output_digest)


def rules() -> Iterable[object]:
    return (
        *collect_rules(),
        *build_requirements.rules(),
        *compiler.rules(),
        *only_source.rules(),
        *script_rules(),
        *sdist.rules(),
    )
