"""Building for another processor than the one that builds: settings for it, and proofs of it.

CPython's headers are the same on every Linux but for `pyconfig.h`, which tells the sizes of C's
types. Between 64-bit machines these agree; the cross compiler is asked all the same.
"""

from __future__ import annotations

import re
import struct
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from native_wheel_errors import NativeWheelError

# `e_machine` of the ELF header.
_ELF_MACHINES = {"x86_64": 62, "aarch64": 183}
_SIZE = re.compile(r"#define (SIZEOF|ALIGNOF)_(\w+) (\d+)")
_TYPES = {"VOID_P": "void *", "_BOOL": "_Bool"}
_INCLUDES = ("pthread.h", "stddef.h", "stdint.h", "stdio.h", "sys/types.h", "time.h", "wchar.h")


def variables(machine: str) -> dict[str, str]:
    """What makes `sysconfig` and setuptools name the other machine in tags and file names."""
    version = "".join(map(str, sys.version_info[:2]))
    return {
        "_PYTHON_HOST_PLATFORM": f"linux-{machine}",
        "SETUPTOOLS_EXT_SUFFIX": f".cpython-{version}-{machine}-linux-gnu.so",
    }


def size_program(pyconfig: str) -> str:
    """A C program that compiles only where types have the sizes that `pyconfig.h` tells."""
    lines = [f"#include <{name}>" for name in _INCLUDES]
    for kind, name, size in _SIZE.findall(pyconfig):
        low = name.lower()
        # `LONG_LONG`, but `SIZE_T`.
        of = _TYPES.get(name) or (low if low.endswith("_t") else low.replace("_", " "))
        operator = "sizeof" if kind == "SIZEOF" else "_Alignof"
        lines.append(f'_Static_assert({operator}({of}) == {size}, "{kind}_{name} is {size}");')
    return "\n".join(lines) + "\n"


def check_headers(spec: dict[str, Any]) -> None:
    """Refuse headers whose sizes are not those of the machine that the wheel is for."""
    path = Path(sysconfig.get_config_h_filename())
    if not path.exists():
        # Without headers no extension is compiled at all; the compiler says so.
        return
    result = subprocess.run(
        [spec["compiler_path"], "-fsyntax-only", "-x", "c", "-"],
        input=size_program(path.read_text()),
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        first = next((x for x in result.stderr.splitlines() if "error" in x), result.stderr[-300:])
        raise NativeWheelError(
            spec,
            f"'platform' is one of {spec['machine']}, but the headers of the building interpreter "
            f"({path}) are not for it: {first.strip()}. Build the wheel on such a machine.",
        )


def check_machine(spec: dict[str, Any], tree: Path) -> None:
    """Refuse a library for another machine: some build script called a compiler of its own."""
    for path in sorted(tree.rglob("*.so")):
        header = path.read_bytes()[:20]
        found = struct.unpack_from("<H", header, 18)[0] if header[:4] == b"\x7fELF" else None
        if found != _ELF_MACHINES[spec["machine"]]:
            names = {number: name for name, number in _ELF_MACHINES.items()}
            other = "no library" if found is None else f"for ELF machine {found}"
            raise NativeWheelError(
                spec,
                f"'platform' is one of {spec['machine']}, but {path.relative_to(tree).as_posix()} "
                f"is {f'for {names[found]}' if found in names else other}. The package's build "
                "script does not follow CC: correct it by 'patches', or build on such a machine.",
            )
