"""A process of Pants waits for the shared cache, unless that does not answer."""

from __future__ import annotations

from typing import cast

import pytest
from pants.engine.internals.scheduler import SchedulerSession
from pants.engine.process import Process
from pants_cache import WAIT_MILLISECONDS, Answers, ask_cache_first, failures

LATE = "remote_cache_speculation_local_completed_first"
CACHED = "remote_cache_requests_cached"


class Session:
    """What a session has counted."""

    def __init__(self) -> None:
        self.metrics: dict[str, int] = {}

    def get_metrics(self) -> dict[str, int]:
        return self.metrics

    def begin(self, answers: Answers) -> None:
        answers.begin(cast(SchedulerSession, self))


def test_processes_wait_unless_they_say_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    # Restored after the test.
    monkeypatch.setattr(Process, "__init__", Process.__init__)
    answers = Answers()
    ask_cache_first(answers)
    process = Process(("true",), description="by default")
    assert process.remote_cache_speculation_delay_millis == WAIT_MILLISECONDS > 0
    other = Process(("true",), description="other", remote_cache_speculation_delay_millis=7)
    assert other.remote_cache_speculation_delay_millis == 7
    answers.is_silent = True
    process = Process(("true",), description="by default")
    assert process.remote_cache_speculation_delay_millis == 0


def test_silent_cache_is_not_waited_for_until_it_answers() -> None:
    answers, session = Answers(), Session()
    session.begin(answers)
    assert answers.delay() == WAIT_MILLISECONDS
    session.metrics[CACHED] = 3
    assert answers.delay() == WAIT_MILLISECONDS
    # It falls silent in the middle.
    session.metrics[LATE] = 1
    assert answers.delay() == 0
    assert answers.delay() == 0
    # The next run of the daemon.
    following = Session()
    following.begin(answers)
    assert answers.delay() == 0
    following.metrics[CACHED] = 1
    assert answers.delay() == WAIT_MILLISECONDS
    # An answer and a late one: it does answer.
    following.metrics.update({CACHED: 2, LATE: 1})
    assert answers.delay() == WAIT_MILLISECONDS


@pytest.mark.parametrize(
    ("metrics", "expected"),
    [
        ({}, ""),
        ({CACHED: 9, LATE: 1}, ""),
        ({LATE: 2}, "reads had no answer: 2"),
        (
            {"remote_cache_read_errors": 8, LATE: 1, "remote_cache_write_errors": 3},
            "reads failed: 8, writes failed: 3",
        ),
    ],
)
def test_what_failed(metrics: dict[str, int], expected: str) -> None:
    assert failures(metrics) == expected
