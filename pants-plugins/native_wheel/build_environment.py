"""Hands a `native_wheel` to Pants' own PEP 517 front end.

Pants builds the wheel with `DistBuildRequest`, as it does for `python_distribution`. What is
ours enters through `DistBuildEnvironmentRequest`: the verified sdist, the locked build
requirements, and a small PEP 517 back end that wraps the package's own
(`scripts/native_wheel_backend.py`).
"""

from __future__ import annotations

import json
import os
import pkgutil
from collections.abc import Iterable

from pants.backend.python.subsystems.setup import PythonSetup
from pants.backend.python.util_rules.package_dists import (
    DistBuildEnvironment,
    DistBuildEnvironmentRequest,
)
from pants.backend.python.util_rules.pex import Pex, PexRequest
from pants.backend.python.util_rules.pex_requirements import EntireLockfile, Lockfile, Resolve
from pants.engine.fs import (
    AddPrefix,
    CreateDigest,
    Digest,
    DigestContents,
    FileContent,
    MergeDigests,
)
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

from native_wheel.compiler import Compiler, NativeWheelSubsystem
from native_wheel.sdist import Sdist, SdistRequest
from native_wheel.target_types import (
    NativeWheelBuildResolveField,
    NativeWheelCompileArgsField,
    NativeWheelDefineMacrosField,
    NativeWheelEnvVarsField,
    NativeWheelExcludeField,
    NativeWheelLinkArgsField,
    NativeWheelLocalVersionField,
    NativeWheelPatchesField,
    NativeWheelProfileField,
    NativeWheelProjectField,
    NativeWheelSha256Field,
    NativeWheelSizeField,
    NativeWheelVersionField,
)
from pex_tree.rules import PexTree, PexTreeRequest
from pex_tree.rules import rules as pex_tree_rules

_BACKEND_FILES = (
    "native_wheel_backend.py",
    "native_wheel_hook.py",
    "native_wheel_patch.py",
    "sitecustomize.py",
)
_BUILD_TREE = "build_requirements"
_PYPROJECT = """\
[build-system]
# The requirements come from the lockfile of `build_resolve`.
requires = []
build-backend = "native_wheel_backend"
"""


class NativeWheelBuildEnvironmentRequest(DistBuildEnvironmentRequest):
    @classmethod
    def is_applicable(cls, tgt: Target) -> bool:
        return tgt.has_field(NativeWheelProjectField)


@rule(desc="Prepare the build of a native wheel")
async def prepare_build(
    request: NativeWheelBuildEnvironmentRequest,
    python_setup: PythonSetup,
    subsystem: NativeWheelSubsystem,
    compiler: Compiler,
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
    lockfile, sdist = await MultiGet(
        Get(Lockfile, Resolve(resolve, use_entire_lockfile=True)),
        Get(
            Sdist,
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
        "compile_args": list(target[NativeWheelCompileArgsField].value or ()),
        "link_args": list(target[NativeWheelLinkArgsField].value or ()),
        "define_macros": dict(target[NativeWheelDefineMacrosField].value or {}),
        "env_vars": dict(target[NativeWheelEnvVarsField].value or {}),
        "patches": [name for name, _ in ordered],
        "local_version": target[NativeWheelLocalVersionField].value,
        "exclude": list(target[NativeWheelExcludeField].value or ()),
        "sdist": sdist.filename,
        "sdist_sha256": target[NativeWheelSha256Field].value,
        "compiler_path": compiler.path,
        "compiler": compiler.version,
        "search_path": list(subsystem.search_path),
    }
    files = [
        FileContent("pyproject.toml", _PYPROJECT.encode()),
        FileContent("native_wheel_spec.json", json.dumps(spec, indent=1, sort_keys=True).encode()),
    ]
    files += [
        FileContent(f"native_wheel_patches/{number}", content)
        for number, (_, content) in enumerate(ordered)
    ]
    for name in _BACKEND_FILES:
        source = pkgutil.get_data("native_wheel.scripts", name)
        assert source is not None, f"{name} is missing from the native_wheel plugin"
        files.append(FileContent(name, source))
    ours = await Get(Digest, CreateDigest(files))
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
