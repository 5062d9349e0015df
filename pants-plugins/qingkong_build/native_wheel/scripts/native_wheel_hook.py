"""Gives every extension the flags of the target, inside setuptools, not by editing sources.

`CFLAGS` is not the way: setuptools appends it to the link line too, where `-ffast-math` makes
gcc link `crtfastmath.o`. And the interpreter's own flags and RUNPATH, which setuptools takes
from `sysconfig`, would make the wheel depend on who built the interpreter; they are replaced.
"""

from __future__ import annotations

import importlib
import json
import os
import site
import sys
import sysconfig
from typing import Any

import native_wheel_parallel

# Where the back end put what the hook needs; one JSON object.
ENV_VAR = "NATIVE_WHEEL_HOOK"

# What CPython needs from an extension anywhere. Optimisation comes from the package and the
# target, whose flags come later and win.
BASE_COMPILE_ARGS = ("-fPIC", "-fwrapv", "-DNDEBUG", "-O2")


def settings() -> dict[str, Any] | None:
    """The settings of the running build, or None outside one."""
    raw = os.environ.get(ENV_VAR)
    return json.loads(raw) if raw else None


def install() -> None:
    """Patch `build_ext` of whatever distutils this process has. A no-op outside a build."""
    config = settings()
    if config is None:
        return
    _watch_network(config["network_log"])
    # Not only on sys.path: setuptools brings distutils by a `.pth` file.
    site.addsitedir(config["build_requirements"])
    try:
        command = importlib.import_module("setuptools.command.build_ext")
    except ImportError:
        return
    # The class at the root of whichever `build_ext` a package uses (setuptools', Cython's,
    # distutils' own). Found through setuptools: importing `distutils` by name here would load
    # a second copy of it.
    for base in command.build_ext.__mro__:
        if base.__module__.endswith("distutils.command.build_ext"):
            _patch(base, config)
    native_wheel_parallel.set_up_cython(config["jobs"])


def _watch_network(log: str) -> None:
    """Write down each attempt of this process to reach a host.

    The kernel refuses it, where it can (`isolate_network`); this is for the message, for builds
    that swallow the refusal, and for kernels that do not isolate.
    """
    if getattr(sys, "_native_wheel_network", False):
        return

    def audit(event: str, args: tuple[Any, ...]) -> None:
        if event in {"socket.connect", "socket.sendto"}:
            # A path is a socket on this machine, such as those of `multiprocessing`.
            if not isinstance(args[1], tuple):
                return
            host, port = args[1][:2]
        elif event in {"socket.getaddrinfo", "socket.gethostbyname"}:
            host, port = args[0], args[1] if len(args) > 1 else None
        else:
            return
        if isinstance(host, bytes):
            host = host.decode(errors="replace")
        with open(log, "a") as file:
            file.write(f"{event} {host}{'' if port is None else f':{port}'}\n")

    # Cannot be taken back, so not in the process of a test. Marked where all copies of this
    # module see it: `sitecustomize` and the back end both call `install`.
    sys.addaudithook(audit)
    sys._native_wheel_network = True  # type: ignore[attr-defined]


def _patch(build_ext: Any, config: dict[str, Any]) -> None:
    if getattr(build_ext, "_native_wheel", False):
        return
    build_extensions = build_ext.build_extensions
    build_extension = build_ext.build_extension

    def patched_build_extensions(self: Any) -> Any:
        _normalise(self.compiler, config)
        native_wheel_parallel.set_up_build_ext(self, config["jobs"])
        return build_extensions(self)

    def patched_build_extension(self: Any, ext: Any) -> Any:
        ext.extra_compile_args = [*(ext.extra_compile_args or []), *config["compile_args"]]
        ext.extra_link_args = [*(ext.extra_link_args or []), *config["link_args"]]
        return build_extension(self, ext)

    build_ext.build_extensions = patched_build_extensions
    build_ext.build_extension = patched_build_extension
    build_ext._native_wheel = True


def _normalise(compiler: Any, config: dict[str, Any]) -> None:
    cc, cxx = config["cc"], config["cxx"]
    # Where the build happens and the interpreter is, as debug information would name them.
    places = {config["work"]: "/build", sysconfig.get_path("include"): "/python/include"}
    base = [*BASE_COMPILE_ARGS, *(f"-ffile-prefix-map={k}={v}" for k, v in places.items())]
    executables = {
        "preprocessor": [cc, "-E"],
        "compiler": [cc, *base],
        "compiler_so": [cc, *base],
        "compiler_cxx": [cxx, *base],
        "compiler_so_cxx": [cxx, *base],
        "linker_so": [cc, "-shared"],
        "linker_so_cxx": [cxx, "-shared"],
        "linker_exe": [cc],
        "linker_exe_cxx": [cxx],
    }
    known = getattr(compiler, "executables", executables)
    compiler.set_executables(**{k: v for k, v in executables.items() if k in known})
    # Libraries of the building interpreter; an extension on Linux needs none of them.
    compiler.library_dirs = []
    compiler.runtime_library_dirs = []
