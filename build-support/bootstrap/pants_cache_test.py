"""A process of Pants waits for the shared cache."""

from __future__ import annotations

import pytest
from pants.engine.process import Process
from pants_cache import WAIT_MILLISECONDS, ask_cache_first


def test_processes_wait_unless_they_say_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    defaults = Process.__init__.__kwdefaults__
    assert defaults is not None
    # Restored after the test.
    monkeypatch.setitem(defaults, "remote_cache_speculation_delay_millis", 0)
    ask_cache_first()
    process = Process(("true",), description="by default")
    assert process.remote_cache_speculation_delay_millis == WAIT_MILLISECONDS > 0
    other = Process(("true",), description="other", remote_cache_speculation_delay_millis=7)
    assert other.remote_cache_speculation_delay_millis == 7
