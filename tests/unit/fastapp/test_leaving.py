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
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return subprocess.run(
        [sys.executable, "-c", HOLDS + code + LEAVES],
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
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
