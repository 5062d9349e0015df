"""A process waits for the answer of the shared cache before it is started here.

Pants asks the cache and starts the process at the same time, and cancels it when the answer comes.
With a warm cache such starts are for nothing, and take the processor from what is needed.
"""

from __future__ import annotations

#: Milliseconds that a process waits: several round trips. A cache that lacks the result answers at
#: once. One that does not answer delays each process by this much.
WAIT_MILLISECONDS = 1000


def ask_cache_first() -> None:
    """Make each process wait for the shared cache; Pants ignores the delay where none is read."""
    from pants.engine.process import Process

    defaults = Process.__init__.__kwdefaults__
    assert defaults is not None
    assert "remote_cache_speculation_delay_millis" in defaults
    defaults["remote_cache_speculation_delay_millis"] = WAIT_MILLISECONDS
