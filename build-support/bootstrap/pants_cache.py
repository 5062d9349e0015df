"""How Pants uses a shared cache: a process waits for its answer, and what failed is told once.

Pants asks the cache and starts the process at the same time, and cancels it when the answer comes.
With a warm cache such starts are for nothing, and take the processor from what is needed.

Its warnings name neither the cache nor the fix, and there is none about a cache that never answers.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pants.bin.local_pants_runner import LocalPantsRunner
    from pants.engine.internals.scheduler import SchedulerSession

logger = logging.getLogger(__name__)

#: Milliseconds that a process waits: several round trips. A cache that lacks the result answers at
#: once. One that answers nothing delays the first processes by this much, and no others.
WAIT_MILLISECONDS = 1000

_DELAY = "remote_cache_speculation_delay_millis"
# What counts an answer, whatever it was, and what counts a process that ended before its answer.
_ANSWERED = (
    "remote_cache_requests_cached",
    "remote_cache_requests_uncached",
    "remote_cache_read_errors",
)
_LATE = "remote_cache_speculation_local_completed_first"


@dataclass
class Answers:
    """What the cache has answered in a session, and whether the last processes got no answer.

    A daemon starts each session with what the last one found.
    """

    session: SchedulerSession | None = None
    answered: int = 0
    late: int = 0
    is_silent: bool = False

    def delay(self) -> int:
        """Milliseconds that a process waits for its answer now."""
        if self.session is not None:
            self.look(self.session.get_metrics())
        return 0 if self.is_silent else WAIT_MILLISECONDS

    def look(self, metrics: Mapping[str, int]) -> None:
        """Compare what was counted with what had been counted before."""
        answered, late = sum(metrics.get(name, 0) for name in _ANSWERED), metrics.get(_LATE, 0)
        if answered > self.answered:
            self.is_silent = False
        elif late > self.late:
            self.is_silent = True
        self.answered, self.late = answered, late

    def begin(self, session: SchedulerSession) -> None:
        self.session, self.answered, self.late = session, 0, 0


def ask_cache_first(answers: Answers) -> None:
    """Make each process wait for the shared cache; Pants ignores the delay where none is read."""
    from pants.engine.process import Process

    original: Any = Process.__init__
    assert _DELAY in original.__kwdefaults__

    @functools.wraps(original)
    def init(self: Process, *arguments: Any, **options: Any) -> None:
        if _DELAY not in options:
            options[_DELAY] = answers.delay()
        original(self, *arguments, **options)

    Process.__init__ = init  # type: ignore[method-assign]


def failures(metrics: Mapping[str, int]) -> str:
    """What failed in a session, or nothing."""
    counted = (
        (metrics.get("remote_cache_read_errors", 0), "reads failed"),
        (metrics.get("remote_cache_write_errors", 0), "writes failed"),
        # Where others were answered, a download was slower than the process.
        (
            0 if any(metrics.get(name) for name in _ANSWERED) else metrics.get(_LATE, 0),
            "reads had no answer",
        ),
    )
    return ", ".join(f"{what}: {count}" for count, what in counted if count)


def warn_of_failures(answers: Answers) -> None:
    """End each run in which the cache failed with one warning that names it."""
    from pants.bin.local_pants_runner import LocalPantsRunner
    from pants.engine.internals.scheduler import SchedulerSession

    run: Any = LocalPantsRunner.run
    wait: Any = SchedulerSession.wait_for_tail_tasks
    # By session: a daemon may have several runs at a time.
    caches: dict[int, str] = {}

    def run_with_cache(self: LocalPantsRunner, start_time: float) -> Any:
        session, options = self.graph_session.scheduler_session, self.options.for_global_scope()
        if options.remote_store_address:
            caches[id(session)] = (
                f"remote_store_address={options.remote_store_address}, "
                f"remote_instance_name={options.remote_instance_name}"
            )
            answers.begin(session)
        try:
            return run(self, start_time)
        finally:
            caches.pop(id(session), None)
            answers.session = None

    def wait_and_warn(self: SchedulerSession, timeout: float) -> None:
        wait(self, timeout)
        cache = caches.get(id(self))
        if cache is None:
            return
        metrics = self.get_metrics()
        answers.look(metrics)
        if failed := failures(metrics):
            logger.warning(
                "The shared cache failed: %s: %s. What it did not serve was built here. Fix: start "
                "the server, or correct what an earlier warning names; or unset "
                "PANTS_REMOTE_STORE_ADDRESS to build without it.",
                cache,
                failed,
            )

    LocalPantsRunner.run = run_with_cache  # type: ignore[method-assign]
    SchedulerSession.wait_for_tail_tasks = wait_and_warn  # type: ignore[method-assign]
