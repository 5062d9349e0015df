"""Hands a `native_wheel` to Pants' own PEP 517 front end.

Pants builds the wheel with `DistBuildRequest`, as it does for `python_distribution`. What is
ours enters through `DistBuildEnvironmentRequest`: the verified sdist, the locked build
requirements, and a small PEP 517 back end that wraps the package's own
(`scripts/native_wheel_backend.py`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from typing import Any

from pants.backend.python.subsystems.setup import PythonSetup
from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.backend.python.util_rules.package_dists import (
    DistBuildEnvironment,
    DistBuildEnvironmentRequest,
)
from pants.backend.python.util_rules.pex import Pex, PexRequest
from pants.backend.python.util_rules.pex_environment import PythonExecutable
from pants.backend.python.util_rules.pex_requirements import EntireLockfile, Lockfile, Resolve
from pants.engine.fs import (
    AddPrefix,
    CreateDigest,
    Digest,
    DigestContents,
    FileContent,
    MergeDigests,
)
from pants.engine.platform import Platform
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.engine.target import (
    HydratedSources,
    HydrateSourcesRequest,
    InvalidFieldException,
    Target,
    WrappedTarget,
    WrappedTargetRequest,
)
from pants.engine.unions import UnionRule

from native_wheel.compiler import Compiler, CompilerRequest, NativeWheelSubsystem
from native_wheel.flag_fields import (
    NativeWheelCompileArgsField,
    NativeWheelDefineMacrosField,
    NativeWheelEnvVarsField,
    NativeWheelLinkArgsField,
    NativeWheelProfileField,
)
from native_wheel.machines import MACHINES, other_platform
from native_wheel.only_source import OnlySource, OnlySourceRequest
from native_wheel.profiles import InvalidProfile, find_profile
from native_wheel.sdist import SdistRequest
from native_wheel.target_types import (
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
from pex_tree.rules import PexTree, PexTreeRequest
from pex_tree.rules import rules as pex_tree_rules
from sandbox_script.script import Script
from verified_download.rules import VerifiedFile

_BACKEND = Script(
    "native_wheel",
    "native_wheel_backend",
    (
        "native_wheel_cross",
        "native_wheel_errors",
        "native_wheel_hook",
        "native_wheel_output",
        "native_wheel_patch",
        "native_wheel_platform",
        "native_wheel_repack",
        "sitecustomize",
    ),
)
_BUILD_TREE = "build_requirements"
_PYPROJECT = """\
[build-system]
# The requirements come from the lockfile of `build_resolve`.
requires = []
build-backend = "native_wheel_backend"
"""


# The back end needs `tomllib`.
_OLDEST_PYTHON = (3, 11)


class NativeWheelBuildEnvironmentRequest(DistBuildEnvironmentRequest):
    @classmethod
    def is_applicable(cls, tgt: Target) -> bool:
        return tgt.has_field(NativeWheelProjectField)


def check_interpreter(
    target: Target, constraints: InterpreterConstraints, universe: Iterable[str]
) -> None:
    """Refuse interpreter constraints that are not those of one wheel."""
    try:
        versions = constraints.partition_into_major_minor_versions(universe)
    except ValueError:
        # No interpreter that Pants knows: below, with the target's name.
        versions = ()
    numbers = [tuple(map(int, version.split("."))) for version in versions]
    if len(numbers) == 1 and numbers[0] >= _OLDEST_PYTHON:
        return
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


@rule(desc="Prepare the build of a native wheel")
async def prepare_build(
    request: NativeWheelBuildEnvironmentRequest,
    python_setup: PythonSetup,
    subsystem: NativeWheelSubsystem,
    building: Platform,
) -> DistBuildEnvironment:
    # The closure starts with its root, which is the wheel being built.
    address = request.target_addresses[0]
    wrapped = await Get(
        WrappedTarget, WrappedTargetRequest(address, description_of_origin="<infallible>")
    )
    target = wrapped.target
    resolve = target[NativeWheelBuildResolveField].value
    if resolve not in python_setup.resolves:
        raise InvalidFieldException(
            f"The {NativeWheelBuildResolveField.alias!r} field in target {address} is "
            f"{resolve!r}, but [python.resolves] has only: "
            f"{', '.join(sorted(python_setup.resolves))}. Use one of these, or add it there."
        )
    check_interpreter(
        target, request.interpreter_constraints, python_setup.interpreter_versions_universe
    )
    flags = flags_of(target, subsystem.profiles)
    other = other_platform(target[NativeWheelPlatformField].value, building)
    if target[NativeWheelModulesField].value:
        await Get(
            OnlySource,
            OnlySourceRequest(
                address.spec,
                target[NativeWheelProjectField].value,
                target[NativeWheelResolvesField].value or (),
            ),
        )
    compiler, python, lockfile, sdist = await MultiGet(
        Get(Compiler, CompilerRequest(other)),
        Get(PythonExecutable, InterpreterConstraints, request.interpreter_constraints),
        Get(Lockfile, Resolve(resolve, use_entire_lockfile=True)),
        Get(
            VerifiedFile,
            SdistRequest(
                target=address.spec,
                project=target[NativeWheelProjectField].value,
                version=target[NativeWheelVersionField].value,
                sha256=target[NativeWheelSha256Field].value,
                size=target[NativeWheelSizeField].value,
                interpreter_constraints=request.interpreter_constraints,
            ),
        ),
    )
    build_requirements = await Get(
        Pex,
        PexRequest(
            output_filename="native_wheel_build.pex",
            internal_only=True,
            requirements=EntireLockfile(lockfile),
            interpreter_constraints=request.interpreter_constraints,
        ),
    )
    # As a file tree in the sandbox: `extra_build_time_requirements` would be a PEX_PATH that is
    # relative to the wrong directory, since Pants runs the back end in the target's.
    build_tree = await Get(
        PexTree,
        PexTreeRequest(
            pex=build_requirements,
            directory=_BUILD_TREE,
            interpreter_constraints=request.interpreter_constraints,
            description=f"Lay out the build requirements of {address}",
        ),
    )
    patches = await Get(HydratedSources, HydrateSourcesRequest(target[NativeWheelPatchesField]))
    patch_files = {
        file.path: file for file in await Get(DigestContents, Digest, patches.snapshot.digest)
    }
    # In the order of the field, and under names that cannot meet a file of the build.
    ordered = []
    for name in target[NativeWheelPatchesField].globs:
        path = os.path.join(address.spec_path, name)
        if path not in patch_files:
            raise InvalidFieldException(
                f"The {NativeWheelPatchesField.alias!r} field in target {address} has {name!r}, "
                f"but there is no file {path}. Correct the name, or add the file."
            )
        ordered.append((name, patch_files[path].content))
    spec = {
        "target": address.spec,
        "project": target[NativeWheelProjectField].value,
        "version": target[NativeWheelVersionField].value,
        "profile": target[NativeWheelProfileField].value,
        **flags,
        "env_vars": dict(target[NativeWheelEnvVarsField].value or {}),
        "patches": [name for name, _ in ordered],
        "build_resolve": resolve,
        "manylinux": target[NativeWheelManylinuxField].value,
        "local_version": target[NativeWheelLocalVersionField].value,
        "exclude": list(target[NativeWheelExcludeField].value or ()),
        "sdist": sdist.filename,
        "sdist_sha256": target[NativeWheelSha256Field].value,
        # Not read: it makes another interpreter, or another patch release of it under the same
        # path, another build.
        "python_fingerprint": python.fingerprint,
        "compiler_path": compiler.path,
        "compiler": compiler.version,
        "search_path": list(subsystem.search_path),
    }
    if other is not None:
        spec["machine"] = MACHINES[other]
    files = [
        FileContent("pyproject.toml", _PYPROJECT.encode()),
        FileContent("native_wheel_spec.json", json.dumps(spec, indent=1, sort_keys=True).encode()),
    ]
    files += [
        FileContent(f"native_wheel_patches/{number}", content)
        for number, (_, content) in enumerate(ordered)
    ]
    ours = await Get(Digest, CreateDigest([*files, *_BACKEND.files("")]))
    merged = await Get(Digest, MergeDigests([ours, sdist.digest, build_tree.digest]))
    # Pants runs the back end in the target's directory.
    inputs = await Get(Digest, AddPrefix(merged, os.path.join(address.spec_path, "")))
    return DistBuildEnvironment((), inputs)


def rules() -> Iterable[object]:
    return (
        *collect_rules(),
        *pex_tree_rules(),
        UnionRule(DistBuildEnvironmentRequest, NativeWheelBuildEnvironmentRequest),
    )
