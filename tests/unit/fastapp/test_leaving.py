"""A process that its threads or its exit functions hold still ends, and says what held it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

CODE = 3
HOLDS = "import atexit, sys, time\nfrom fastapp.leaving import leave_within\n"
LEAVES = f"leave_within(0.2, {CODE})\n"


def run(code: str) -> subprocess.CompletedProcess[str]:
    """A process that runs this and would last ten minutes."""
    with open_process(code, subprocess.PIPE, subprocess.PIPE) as process:
        try:
            stdout, stderr = process.communicate(timeout=60)
        finally:
            process.kill()
    return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)


def open_process(
    code: str, stdout: int | None = None, stderr: int | None = None
) -> subprocess.Popen[str]:
    """The same, still running."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    # Streams are to have buffers.
    environment.pop("PYTHONUNBUFFERED", None)
    return subprocess.Popen(
        [sys.executable, "-c", HOLDS + code + LEAVES],
        env=environment,
        stdout=stdout,
        stderr=stderr,
        text=True,
    )


def test_an_exit_function_of_python_is_named() -> None:
    said = run("def held():\n    time.sleep(600)\natexit.register(held)\n")
    assert said.returncode == CODE
    assert "the process did not end in 0.2 s: it was in held (<string>:" in said.stderr


def test_an_exit_function_without_a_frame_of_python_does_not_hold_the_process() -> None:
    said = run("atexit.register(time.sleep, 600)\n")
    assert said.returncode == CODE
    assert "the process did not end in 0.2 s: it was in native code" in said.stderr
    assert "Traceback" not in said.stderr


@pytest.mark.parametrize("stream", ["sys.stdout.close()", "sys.stdout = None"])
def test_a_stream_that_is_gone_does_not_hold_the_process(stream: str) -> None:
    said = run(f"atexit.register(time.sleep, 600)\n{stream}\n")
    assert said.returncode == CODE
    assert "Traceback" not in said.stderr


#: Fills a pipe, so that whatever writes to it waits.
FILL = """
import os
os.set_blocking({number}, False)
for size in (4096, 1):
    try:
        while os.write({number}, b"x" * size):
            pass
    except BlockingIOError:
        pass
os.set_blocking({number}, True)
"""


@pytest.mark.parametrize(
    ("stream", "number", "code"),
    [
        ("stderr", 2, "import logging\natexit.register(logging.error, 'x')\n"),
        ("stdout", 1, "atexit.register(time.sleep, 600)\nsys.stdout.write('x')\n"),
        # An exit without a flush of what runs the code.
        ("stdout", 1, "sys.stdout.write('x')\n" + LEAVES + "sys.exit()\n"),
    ],
    ids=["a log record", "the report's flush", "the last flush"],
)
def test_a_full_pipe_that_no_one_reads_does_not_hold_the_process(
    stream: str, number: int, code: str
) -> None:
    reading, writing = os.pipe()
    try:
        with open_process(FILL.format(number=number) + code, **{stream: writing}) as process:
            try:
                assert process.wait(60) == CODE
            finally:
                process.kill()
    finally:
        os.close(reading)
        os.close(writing)


def test_a_broken_stream_does_not_keep_another_from_being_flushed() -> None:
    # A handler that writes to stderr would flush it.
    code = """
import logging, os
logging.getLogger().addHandler(logging.NullHandler())
os.dup2(os.open("/dev/full", os.O_WRONLY), 1)
sys.stderr.reconfigure(line_buffering=False)
sys.stdout.write("lost")
sys.stderr.write("kept")
atexit.register(time.sleep, 600)
"""
    result = run(code)
    assert result.returncode == CODE
    assert result.stderr == "kept"
