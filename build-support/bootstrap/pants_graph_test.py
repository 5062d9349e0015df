"""What is asked of Pants' graph at once, and what a run gives back."""

from __future__ import annotations

import time
from typing import Any

import pants_graph
import pytest
from pants.bin.daemon_pants_runner import DaemonPantsRunner
from pants.engine.internals.selectors import Get
from pants_graph import PART, free_memory_after_runs, in_parts, resident_memory


def test_all_are_asked_for_part_by_part_and_in_their_order() -> None:
    numbers = list(range(2 * PART + 1))
    asking = in_parts(Get(int, str, str(number)) for number in numbers)
    parts: list[int] = []
    answer: Any = None
    with pytest.raises(StopIteration) as end:
        while True:
            asked = asking.send(answer)
            parts.append(len(asked))
            answer = tuple(int(get.inputs[0]) for get in asked)
    assert (parts, end.value.value) == ([PART, PART, 1], tuple(numbers))


def test_a_large_run_gives_back_what_it_freed(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = []

    def run(self: object) -> int:
        blocks = [bytes(10_000) for _ in range(20_000)]
        # Above them, so that the C library cannot shrink its heap by itself.
        kept.append(bytes(10_000))
        del blocks
        return resident_memory()

    monkeypatch.setattr(DaemonPantsRunner, "single_daemonized_run", run)
    monkeypatch.setattr(pants_graph, "FREE_FROM", 0)
    free_memory_after_runs()
    runner: Any = DaemonPantsRunner
    held = runner.single_daemonized_run(None)
    end = time.monotonic() + 60
    while resident_memory() > held - 100_000_000:
        assert time.monotonic() < end
        time.sleep(0.01)
