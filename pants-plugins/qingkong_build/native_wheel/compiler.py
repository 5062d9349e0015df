"""Finds the C compiler and asks for its version, which is part of every build's key."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pants.core.util_rules.system_binaries import (
    BinaryNotFoundError,
    BinaryPathRequest,
    BinaryPaths,
    BinaryPathTest,
    SearchPath,
)
from pants.engine.process import Process, ProcessCacheScope, ProcessResult
from pants.engine.rules import Get, collect_rules, rule
from pants.option.option_types import DictOption, StrListOption
from pants.option.subsystem import Subsystem
from pants.util.strutil import softwrap

from qingkong_build.native_wheel.machines import MACHINES
from qingkong_build.native_wheel.profiles import PROFILES


class NativeWheelSubsystem(Subsystem):
    options_scope = "native-wheels"
    help = "How `native_wheel` targets are built."

    compilers = StrListOption(
        default=["gcc", "cc", "clang"],
        help="Names of C compilers, the first that is found is used.",
    )
    cross_compilers = DictOption[str](
        default={"linux/amd64": "x86_64-linux-gnu-gcc", "linux/arm64": "aarch64-linux-gnu-gcc"},
        help=softwrap(
            """
            The C compiler for each `platform` of a `native_wheel` that is not the one of the
            machine that builds.
            """
        ),
    )
    search_path = StrListOption(
        default=["/usr/bin", "/bin", "/usr/local/bin", "/opt/homebrew/bin"],
        help=softwrap(
            """
            Directories in which compilers are looked for, and the only ones on PATH while
            a wheel is built.
            """
        ),
    )
    profiles = DictOption[Any](
        default=PROFILES,
        help=softwrap(
            """
            Named sets of flags for the `profile` field of `native_wheel`: for each name the
            `compile_args`, `link_args` and `define_macros` that come before those of the target.
            Add more in `pants.toml` by a value that starts with `+`:
            `profiles = "+{'small': {'compile_args': ['-Os'], 'link_args': ['-s']}}"`.
            """
        ),
    )


@dataclass(frozen=True)
class CompilerRequest:
    """A compiler for `platform`, e.g. `linux/arm64`; None for this machine's own."""

    platform: str | None = None


@dataclass(frozen=True)
class Compiler:
    """A C compiler: where it is and the first line of its `--version`."""

    path: str
    version: str


class CompilerNotFound(BinaryNotFoundError):
    pass


@rule(desc="Find a C compiler")
async def find_compiler(request: CompilerRequest, subsystem: NativeWheelSubsystem) -> Compiler:
    if request.platform is None:
        names = subsystem.compilers
    elif request.platform in subsystem.cross_compilers:
        names = (subsystem.cross_compilers[request.platform],)
    else:
        raise CompilerNotFound(
            f"[native-wheels].cross_compilers names no C compiler for {request.platform}, only for "
            f"{', '.join(sorted(subsystem.cross_compilers)) or 'nothing'}. Add one to it."
        )
    for name in names:
        paths = await Get(
            BinaryPaths,
            BinaryPathRequest(
                binary_name=name,
                search_path=SearchPath(subsystem.search_path),
                test=BinaryPathTest(args=["--version"]),
            ),
        )
        if paths.first_path is None:
            continue
        result = await Get(
            ProcessResult,
            Process(
                argv=(paths.first_path.path, "--version"),
                description=f"Ask {paths.first_path.path} for its version",
                # A distribution upgrade changes the compiler under the same path.
                cache_scope=ProcessCacheScope.PER_RESTART_SUCCESSFUL,
            ),
        )
        version = result.stdout.decode(errors="replace").splitlines()[0].strip()
        return Compiler(paths.first_path.path, version)
    if request.platform is not None:
        machine = MACHINES[request.platform]
        raise CompilerNotFound(
            f"No C compiler for {request.platform} was found: looked for {names[0]} in "
            f"{', '.join(subsystem.search_path)} ([native-wheels].cross_compilers and "
            f".search_path). Install one, e.g. `apt-get install gcc-{machine.replace('_', '-')}"
            "-linux-gnu` on Debian or Ubuntu, or build on such a machine."
        )
    raise CompilerNotFound(
        f"No C compiler was found: looked for {', '.join(subsystem.compilers)} in "
        f"{', '.join(subsystem.search_path)} ([native-wheels].compilers and .search_path). "
        "Install one, e.g. `apt-get install gcc libc6-dev` on Debian or Ubuntu, or "
        "`xcode-select --install` on macOS."
    )


def rules() -> Iterable[object]:
    return collect_rules()
