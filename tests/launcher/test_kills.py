"""A start that is killed at any moment is made good by the next one, with nothing left behind."""

from __future__ import annotations

import random
import signal
import subprocess
from pathlib import Path

import pytest

from launcher.killing import CALLS, Moment, start_and_kill
from launcher.machines import Index, Machine

# Of each call: one moment among the first that a process makes, and one among many.
_RANDOM = random.Random(20231)
MOMENTS = [
    Moment(call, _RANDOM.randrange(*numbers))
    for call, *ranges in (
        ("openat", (20, 400), (400, 1500)),
        ("mkdir", (2, 6), (6, 60)),
        ("write", (20, 400)),
        ("rename", (1, 3)),
        ("unlink", (1, 6)),
    )
    for numbers in ranges
]


def left_over(machine: Machine) -> set[str]:
    """What is in the state that no start needs."""
    found = [*machine.state.glob("scratch"), *machine.state.glob("private/.*")]
    found += machine.state.glob("tools/*/tmp*")
    found += [path for path in machine.state.glob("pants-*") if not (path / "complete").is_file()]
    return {str(path.relative_to(machine.state)) for path in found}


def test_every_moment_is_repaired(machine: Machine, tmp_path: Path) -> None:
    """The next start does what the killed one did not, whether it died alone or with all."""
    killed = 0
    for number, moment in enumerate(MOMENTS):
        log = tmp_path / f"{moment}.log"
        outcome = start_and_kill(machine, moment, log, alone=number % 2 == 0)
        killed += bool(outcome.victims)
        # What went on without it said so in one message, or had no need of it.
        assert "Traceback" not in outcome.survivors.stderr, (moment, outcome)
        if number % 3 == 2:
            # Others follow at once on what is left.
            continue
        after = machine.start("list")
        assert after.settings["argument"] == "list", (moment, after)
        assert left_over(machine) == set(), moment
        for part in machine.state.glob("pants-*"):
            (part / "complete").unlink()
        machine.saved_settings.unlink()
    assert killed >= len(MOMENTS) - 1
    assert {moment.call for moment in MOMENTS} == set(CALLS)
    assert machine.start("list").code == 0


@pytest.mark.parametrize("whole_group", [True, False], ids=["all", "python alone"])
def test_what_a_killed_start_began_is_waited_for(
    machine: Machine, index: Index, whole_group: bool
) -> None:
    """A pip whose parent is gone still writes: the next start may not write beside it."""
    index.held = "pantsbuild-pants"
    first = machine.popen("list")
    assert index.reached.wait(240)
    pips = [pid for pid, words in processes() if "pip" in words and str(machine.state) in words[0]]
    parents = [pid for pid, words in processes() if str(machine.bootstrap) in words]
    assert pips
    assert len(parents) == 1
    for pid in [*parents, *(pips if whole_group else [])]:
        subprocess.run(["kill", "-KILL", str(pid)], check=True)
    first.communicate(timeout=240)
    assert first.returncode not in (0, -signal.SIGKILL)
    second = machine.popen("list")
    assert second.stderr is not None
    if not whole_group:
        assert "waiting for another start" in second.stderr.readline()
    index.released.set()
    stdout, stderr = second.communicate(timeout=240)
    assert (second.returncode, "argument=list" in stdout) == (0, True), stderr
    assert left_over(machine) == set()


def processes() -> list[tuple[int, list[str]]]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        found.append((int(folder.name), words))
    return found
