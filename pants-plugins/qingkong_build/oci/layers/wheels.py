"""Installs one wheel of a lockfile: a cached process each.

A changed pin runs one; what the others made is still in the cache.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pants.backend.python.subsystems.setup import PythonSetup
from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.engine.fs import Digest, FileContent, MergeDigests
from pants.engine.process import ProcessResult
from pants.engine.rules import Get, MultiGet, collect_rules, rule

from qingkong_build.oci.layers.leave_out import STRIP, patterns
from qingkong_build.oci.layers.pack import ALWAYS_EXCLUDED
from qingkong_build.oci.layers.subsystem import ImageLayerSubsystem
from qingkong_build.oci.layers.tree_layer import TREE
from qingkong_build.python_lock import locked_wheel
from qingkong_build.python_lock.closure import Closure, ClosureRequest
from qingkong_build.python_lock.locked_wheel import Wheel, WheelRequest
from qingkong_build.python_lock.target_platform import TargetPlatform
from qingkong_build.sandbox.rules import ScriptRequest
from qingkong_build.sandbox.script import Script

_INSTALL = Script("qingkong_build.oci.layers", "install_wheel", ("strip_elf",))
_MODES = "executables"


@dataclass(frozen=True)
class InstallerRequest:
    """The `installer` library of `[image-layer].installer_resolve`."""


@dataclass(frozen=True)
class Installer:
    """`digest` holds the files to import it from, `path`."""

    digest: Digest
    path: tuple[str, ...]


@dataclass(frozen=True)
class InstalledWheelRequest:
    """A wheel to install without what the named rules and the patterns leave out.

    `executables` are the files to make executable; None takes the archive's word for it.
    """

    wheel: Wheel
    leave_out: tuple[str, ...]
    exclude: tuple[str, ...]
    executables: tuple[str, ...] | None = None


@dataclass(frozen=True)
class LockedWheelRequest:
    """A wheel of a lockfile to install: each as soon as it is downloaded."""

    locked: WheelRequest
    leave_out: tuple[str, ...]
    exclude: tuple[str, ...]


@dataclass(frozen=True)
class InstalledWheel:
    """`digest` holds the files below the directory `TREE`."""

    digest: Digest


@rule(desc="Get the installer of wheels")
async def get_installer(
    _: InstallerRequest, subsystem: ImageLayerSubsystem, python_setup: PythonSetup
) -> Installer:
    resolve = subsystem.resolve(python_setup)
    # The library is for any platform; the interpreter is the one that runs it here.
    constraints = InterpreterConstraints(python_setup.interpreter_constraints)
    newest = constraints.partition_into_major_minor_versions(
        python_setup.interpreter_versions_universe
    )[-1]
    major, minor = newest.split(".")
    platform = TargetPlatform("linux/amd64", (int(major), int(minor)), (2, 17))
    closure = await Get(Closure, ClosureRequest(resolve, platform))
    subsystem.check(resolve, closure)
    wheels = await MultiGet(
        Get(Wheel, WheelRequest(closure.wheel(name), closure.lock.path)) for name in closure.ways
    )
    digest = await Get(Digest, MergeDigests(wheel.digest for wheel in wheels))
    return Installer(digest, tuple(wheel.filename for wheel in wheels))


@rule(desc="Install a wheel")
async def install_wheel(
    request: InstalledWheelRequest, python_setup: PythonSetup
) -> InstalledWheel:
    wheel = request.wheel
    installer = await Get(Installer, InstallerRequest())
    inputs = await Get(Digest, MergeDigests([installer.digest, wheel.digest]))
    exclude = (*ALWAYS_EXCLUDED, *patterns(request.leave_out), *request.exclude)
    modes: tuple[FileContent, ...] = ()
    if request.executables is not None:
        modes = (FileContent(_MODES, "\n".join(request.executables).encode()),)
    result = await Get(
        ProcessResult,
        ScriptRequest(
            _INSTALL,
            (
                f"--wheel={wheel.filename}",
                f"--out={TREE}",
                *(f"--exclude={pattern}" for pattern in exclude),
                *(["--strip"] if STRIP in request.leave_out else []),
                *([f"--modes={_MODES}"] if modes else []),
            ),
            f"Install {wheel.filename}",
            InterpreterConstraints(python_setup.interpreter_constraints),
            path=installer.path,
            files=modes,
            digest=inputs,
            output_directories=(TREE,),
        ),
    )
    return InstalledWheel(result.output_digest)


@rule
async def install_locked_wheel(request: LockedWheelRequest) -> InstalledWheel:
    wheel = await Get(Wheel, WheelRequest, request.locked)
    return await Get(
        InstalledWheel, InstalledWheelRequest(wheel, request.leave_out, request.exclude)
    )


def rules() -> Iterable[object]:
    return (*collect_rules(), *locked_wheel.rules())
