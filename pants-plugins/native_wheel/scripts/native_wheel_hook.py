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
from typing import Any

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


def _patch(build_ext: Any, config: dict[str, Any]) -> None:
    if getattr(build_ext, "_native_wheel", False):
        return
    build_extensions = build_ext.build_extensions
    build_extension = build_ext.build_extension

    def patched_build_extensions(self: Any) -> Any:
        _normalise(self.compiler, config)
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
    executables = {
        "preprocessor": [cc, "-E"],
        "compiler": [cc, *BASE_COMPILE_ARGS],
        "compiler_so": [cc, *BASE_COMPILE_ARGS],
        "compiler_cxx": [cxx, *BASE_COMPILE_ARGS],
        "compiler_so_cxx": [cxx, *BASE_COMPILE_ARGS],
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
