from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import native_wheel_backend as backend
import pytest
from native_wheel_errors import NativeWheelError
from native_wheel_output import BUILD_LOG, LAST_LINES, captured, tail, write_shim
from native_wheel_probes import Command
from spec_for_tests import refusal, spec


def test_shim_writes_down_what_it_runs(tmp_path: Path) -> None:
    real = tmp_path / "real cc"
    real.write_text('#!/bin/sh\necho "$#:$2"\necho "because" >&2\nexit 3\n')
    real.chmod(0o755)
    log = tmp_path / "compiler log"
    shim = tmp_path / "cc"
    write_shim(shim, str(real), log)
    assert backend.read_commands(log) == []
    hard = ["-DNAME=a b", "$HOME", "", "new\nline", "%s'\""]
    inside = tmp_path / "a directory"
    inside.mkdir()
    # The variable is of the process that starts it, and not of the directory.
    environment = {**os.environ, "PWD": str(tmp_path)}
    for arguments in (hard, ["-c"]):
        result = subprocess.run(
            [shim, *arguments],
            cwd=inside,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 3
        assert result.stderr == "because\n"
    # Of two processes, in any order.
    expected = [Command(str(inside), hard), Command(str(inside), ["-c"])]
    assert sorted(backend.read_commands(log)) == sorted(expected)
    # Why it failed is kept, and nothing else is left behind.
    assert (tmp_path / "compiler log.failed").read_text() == "because\n"
    assert len(list(tmp_path.iterdir())) == 5


def test_shim_forgets_what_a_command_that_succeeds_says(tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.write_text("#!/bin/sh\necho warning >&2\n")
    real.chmod(0o755)
    log = tmp_path / "log"
    write_shim(tmp_path / "cc", str(real), log)
    result = subprocess.run([tmp_path / "cc"], capture_output=True, text=True, check=True)
    assert result.stderr == "warning\n"
    assert {path.name for path in tmp_path.iterdir()} == {"cc", "log", "real"}


def test_captured(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / BUILD_LOG
    with captured(log):
        print("of this process", flush=True)
        subprocess.run(["sh", "-c", "echo of a child >&2"], check=True)
    print("after")
    assert log.read_text() == "of this process\nof a child\n"
    assert capfd.readouterr().out == "after\n"


def test_tail() -> None:
    assert tail("one\ntwo\n") == "  | one\n  | two"
    shown = tail("\n".join(map(str, range(4000)))).splitlines()
    assert shown[0] == f"  ({4000 - LAST_LINES} lines before)"
    assert (len(shown), shown[-1]) == (LAST_LINES + 1, "  | 3999")


class Compiles:
    """A back end whose build is one command of the compiler, or an error of its own."""

    def __init__(self, build: Callable[[], None]) -> None:
        self.build = build

    def build_wheel(self, directory: str) -> str:
        self.build()
        return "built.whl"


def failed(work: Path, build: Callable[[], None]) -> str:
    """The error of a build in `work`."""
    with pytest.raises(NativeWheelError) as error:
        backend.run_backend(spec(), Compiles(build), work / "wheel")
    return refusal(error)


def compiling(work: Path, source: str, *args: str) -> Callable[[], None]:
    """A build that hands `source` to the real compiler, as setuptools does."""
    compiler = shutil.which("gcc")
    assert compiler is not None
    (work / "x.c").write_text(source)
    write_shim(work / "cc", compiler, work / backend.COMPILER_LOG)

    def build() -> None:
        command = ["./cc", "-c", *args, "x.c", "-o", "x.o"]
        status = subprocess.run(command, cwd=work, env={**os.environ, "LC_ALL": "C.UTF-8"})
        if status.returncode:
            raise SystemExit(f"error: command './cc' failed with exit code {status.returncode}")

    return build


def test_a_build_that_succeeds_is_silent(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    build = compiling(tmp_path, "int x;\n", "-v")
    assert backend.run_backend(spec(), Compiles(build), tmp_path / "wheel") == "built.whl"
    captured_text = capfd.readouterr()
    assert (captured_text.out, captured_text.err) == ("", "")
    assert (tmp_path / BUILD_LOG).stat().st_size


def test_code_that_does_not_compile(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    source = "".join(f"int x{number} = unknown{number};\n" for number in range(500))
    message = failed(tmp_path, compiling(tmp_path, source))
    assert "'project' 'tiny' 1.0 does not build" in message
    assert "'compile_args' are ['-Os', '-flto'], 'link_args' are ['-s']" in message
    assert "gcc (Debian) 12" in message
    assert "unknown499" in message
    assert "unknown1 " not in message
    assert len(message.splitlines()) == LAST_LINES + 3
    # All of it is in a file, and nothing of it beside the message.
    assert "unknown1" in (tmp_path / BUILD_LOG).read_text()
    assert capfd.readouterr().err == ""


def test_missing_headers_of_python(tmp_path: Path) -> None:
    message = failed(tmp_path, compiling(tmp_path, "#include <Python.h>\n"))
    assert "the headers of CPython 3.12 are missing: there is no 'Python.h' in " in message
    assert "`apt-get install python3.12-dev`" in message
    assert "'interpreter_constraints'" in message
    assert "  | x.c:1:10: fatal error: Python.h" in message


def test_a_missing_header(tmp_path: Path) -> None:
    message = failed(tmp_path, compiling(tmp_path, "#include <no/such.h>\n"))
    assert "the header 'no/such.h' was not found. Install the package that has it" in message
    assert "'compile_args' as '-I...'" in message


@pytest.mark.parametrize(
    ("field", "flag"), [("compile_args", "--no-such-flag"), ("link_args", "-fno-such")]
)
def test_an_unknown_flag(field: str, flag: str, tmp_path: Path) -> None:
    build = compiling(tmp_path, "int x;\n", flag)
    with pytest.raises(NativeWheelError) as error:
        backend.run_backend(spec(**{field: [flag]}), Compiles(build), tmp_path / "wheel")
    message = refusal(error)
    assert f"'{field}' has {flag!r}, which the compiler (gcc (Debian) 12) does not know" in message
    assert "Correct the flag or take it out" in message


def test_an_error_of_the_build_script(tmp_path: Path) -> None:
    def build() -> None:
        print("looking for a thing")
        raise RuntimeError("a bug in the build script")

    message = failed(tmp_path, build)
    assert "does not build: a bug in the build script. No compiler failed" in message
    assert "`pants --keep-sandboxes=on_failure`" in message
    assert "  | looking for a thing" in message
    assert "  | RuntimeError: a bug in the build script" in message


@pytest.mark.parametrize(
    "error", [SystemExit("error: no such command"), subprocess.CalledProcessError(1, ["build.py"])]
)
def test_an_error_that_says_itself_why(error: BaseException, tmp_path: Path) -> None:
    def build() -> None:
        raise error

    message = failed(tmp_path, build)
    assert f"does not build: {error}. No compiler failed" in message
    assert "Traceback" not in message
