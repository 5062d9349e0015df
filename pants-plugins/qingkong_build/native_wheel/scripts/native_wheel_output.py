"""What a build says: kept in a file, and of a failed one only what tells why.

The tools print thousands of lines; the reason is in the last few of the compiler.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import sysconfig
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from native_wheel_errors import NativeWheelError

# In the work directory of the build: all that it printed.
BUILD_LOG = "build.log"
# As many lines of a log as an error shows.
LAST_LINES = 20
# gcc's words, and clang's.
_HEADER = re.compile(
    r"fatal error: (?:'(?P<clang>[^'\n]+)' file not found|"
    r"(?P<gcc>[^\s:]+): No such file or directory)"
)
_FLAG = re.compile(
    r"(?:unrecognized command[- ]line option|unrecognized argument (?:in|to) option|"
    r"unknown argument:|unsupported option|unrecognized option) "
    r"['\u2018\"](?P<flag>[^'\u2019\"\n]+)['\u2019\"]"
)


def write_shim(path: Path, real: str, log: Path) -> None:
    """A compiler that writes down its directory and arguments before it runs, and why it failed.

    Each process has a file of its own in the directory `log`: several run at the same time.
    """
    path.write_text(
        "#!/bin/sh\n"
        f"/bin/mkdir -p '{log}'\n"
        f"printf '%s\\037' \"$PWD\" \"$@\" >>'{log}'/$$\n"
        f"printf '\\036' >>'{log}'/$$\n"
        f"errors='{log}'.errors.$$\n"
        f'\'{real}\' "$@" 2>"$errors"\n'
        "status=$?\n"
        '/bin/cat "$errors" >&2\n'
        f"if [ $status -ne 0 ]; then /bin/mv -f \"$errors\" '{log}'.failed\n"
        'else /bin/rm -f "$errors"; fi\n'
        "exit $status\n"
    )
    path.chmod(0o755)


@contextlib.contextmanager
def captured(log: Path) -> Iterator[None]:
    """Send what this process and its children print to `log`."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = [os.dup(number) for number in (1, 2)]
    # Line by line, so that what this process says stays in order with what its children say.
    with open(log, "a", buffering=1) as file:
        try:
            for number in (1, 2):
                os.dup2(file.fileno(), number)
            with contextlib.redirect_stdout(file), contextlib.redirect_stderr(file):
                yield
        finally:
            for number, original in zip((1, 2), kept, strict=True):
                os.dup2(original, number)
                os.close(original)


def print_unexpected(error: BaseException) -> None:
    """Print where an error of a build script comes from, unless it has said why itself.

    These two are how setuptools, and poetry's build scripts, say that the compiler failed.
    """
    if not isinstance(error, (SystemExit, subprocess.CalledProcessError)):
        traceback.print_exception(error)


def failure(
    spec: dict[str, Any], error: BaseException, work: Path, compiler_log: Path
) -> NativeWheelError:
    """The error for a package that does not build: the reason, the last lines, the fix."""
    failed = compiler_log.with_name(f"{compiler_log.name}.failed")
    start = f"'project' {spec['project']!r} {spec['version']} does not build: "
    if failed.exists():
        said = failed.read_text(errors="replace")
        return NativeWheelError(
            spec, f"{_reason(spec, start, said)}\nThe last lines of the compiler:\n{tail(said)}"
        )
    log = work / BUILD_LOG
    said = log.read_text(errors="replace") if log.exists() else ""
    return NativeWheelError(
        spec,
        f"{start}{error}. No compiler failed: the last lines of the build script say why. All of "
        f"it is in {BUILD_LOG}, which `pants --keep-sandboxes=on_failure` keeps. Correct "
        "'env_vars' if it wants a setting, or its sources by 'patches'.\n"
        f"The last lines of the build:\n{tail(said)}",
    )


def tail(text: str) -> str:
    """The last lines of `text`, each marked, and how many there were before them."""
    lines = text.rstrip().splitlines()
    left_out = len(lines) - LAST_LINES
    shown = [f"  | {line}" for line in lines[-LAST_LINES:]]
    return "\n".join([f"  ({left_out} lines before)", *shown] if left_out > 0 else shown)


def _reason(spec: dict[str, Any], start: str, said: str) -> str:
    if match := _HEADER.search(said):
        return start + _missing_header(match["gcc"] or match["clang"])
    if match := _FLAG.search(said):
        flag = match["flag"]
        for field in ("compile_args", "link_args"):
            if flag in spec[field]:
                return (
                    f"{start}'{field}' has {flag!r}, which the compiler ({spec['compiler']}) does "
                    "not know. Correct the flag or take it out; it may also be of a profile."
                )
    return (
        f"{start}the compiler ({spec['compiler']}) refuses its sources or flags. 'compile_args' "
        f"are {spec['compile_args']}, 'link_args' are {spec['link_args']}. Correct these, or the "
        "sources by 'patches'."
    )


def _missing_header(header: str) -> str:
    if header == "Python.h":
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        return (
            f"the headers of CPython {version} are missing: there is no {header!r} in "
            f"{sysconfig.get_path('include')}. Install them (`apt-get install python{version}-dev` "
            "on Debian or Ubuntu), or let 'interpreter_constraints' and [python-bootstrap]"
            ".search_path choose an interpreter that has them."
        )
    return (
        f"the header {header!r} was not found. Install the package that has it (`apt-file search "
        f"{header}` on Debian or Ubuntu), or add its directory to 'compile_args' as '-I...'."
    )
