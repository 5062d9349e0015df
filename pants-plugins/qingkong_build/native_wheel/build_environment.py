"""Hands the wheel of a `native_wheel` to Pants as that of a `python_distribution`.

A wheel that is built here enters tests, PEXes and `pants run` through Pants' own PEP 517 front end.
That runs a PEX, for a build back end which only copies: the wheel is built before, without a PEX
(`build_process.py`), and both are made at the same time.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from pants.backend.python.util_rules.package_dists import (
    DistBuildEnvironment,
    DistBuildEnvironmentRequest,
)
from pants.backend.python.util_rules.pex import PexRequest, VenvPex
from pants.backend.python.util_rules.pex_requirements import PexRequirements
from pants.engine.fs import AddPrefix, CreateDigest, Digest, FileContent, MergeDigests
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.engine.target import Target
from pants.engine.unions import UnionRule

from qingkong_build.native_wheel import build_process
from qingkong_build.native_wheel.build_process import OUT, BuiltNativeWheel, NativeWheelBuildRequest
from qingkong_build.native_wheel.target_types import NativeWheelProjectField

_FRONT_END_FILES = {
    "pyproject.toml": """\
[build-system]
requires = []
build-backend = "native_wheel_built"
""",
    "native_wheel_built.py": f"""\
import os
import shutil


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    (name,) = os.listdir({OUT!r})
    shutil.copyfile(os.path.join({OUT!r}, name), os.path.join(wheel_directory, name))
    return name
""",
}


class NativeWheelBuildEnvironmentRequest(DistBuildEnvironmentRequest):
    @classmethod
    def is_applicable(cls, tgt: Target) -> bool:
        return tgt.has_field(NativeWheelProjectField)


@rule(desc="Prepare the build of a native wheel")
async def prepare_build(request: NativeWheelBuildEnvironmentRequest) -> DistBuildEnvironment:
    # The closure starts with its root, which is the wheel being built.
    address = request.target_addresses[0]
    built, files, _ = await MultiGet(
        Get(BuiltNativeWheel, NativeWheelBuildRequest(address, request.interpreter_constraints)),
        Get(
            Digest,
            CreateDigest(FileContent(n, text.encode()) for n, text in _FRONT_END_FILES.items()),
        ),
        # The one that the front end asks for next, in the same words.
        Get(
            VenvPex,
            PexRequest(
                output_filename="build_backend.pex",
                internal_only=True,
                requirements=PexRequirements(()),
                pex_path=(),
                interpreter_constraints=request.interpreter_constraints,
            ),
        ),
    )
    merged = await Get(Digest, MergeDigests([built.digest, files]))
    # Pants runs the back end in the target's directory.
    inputs = await Get(Digest, AddPrefix(merged, os.path.join(address.spec_path, "")))
    return DistBuildEnvironment((), inputs)


def rules() -> Iterable[object]:
    return (
        *collect_rules(),
        *build_process.rules(),
        UnionRule(DistBuildEnvironmentRequest, NativeWheelBuildEnvironmentRequest),
    )
