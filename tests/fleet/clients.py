"""Clients in a closed loop: each sends its next request when it has the answer of the last."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

from image.engine import unique, wait_until

#: No client sends more, whatever happens.
MOST_REQUESTS = 20_000
#: Seconds that a client thinks between two requests: the machine has other work in these tests.
PAUSE_SECONDS = 0.05
#: Seconds that they wait for answers on a busy machine.
PATIENCE_SECONDS = 120.0
PRODUCTS = "/shop/products"


@dataclass
class Clients:
    """What clients were answered so far.

    Attributes:
        answers: how often each method got each status, or the name of an error in its place.
        failures: each answer that is no success.
        sent: how many requests were begun.
    """

    url: str
    sent: int = 0
    answers: Counter[tuple[str, int | str]] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _ending: threading.Event = field(default_factory=threading.Event)

    @property
    def succeeded(self) -> int:
        """How many requests were answered with a success."""
        with self._lock:
            answers = dict(self.answers)
        return sum(
            count
            for (_, status), count in answers.items()
            if isinstance(status, int) and status < 400
        )

    @property
    def statuses(self) -> set[int | str]:
        """All statuses and errors so far."""
        with self._lock:
            return {status for _, status in self.answers}

    @property
    def waiting(self) -> int:
        """How many clients wait for an answer."""
        with self._lock:
            return self.sent - self.answers.total()

    def wait_for_more(self, count: int) -> None:
        """Wait until so many more requests have succeeded."""
        before = self.succeeded
        what = f"{count} more requests succeed"
        wait_until(lambda: self.succeeded >= before + count, what, PATIENCE_SECONDS)

    def _loop(self, method: str) -> None:
        with httpx.Client(base_url=self.url, trust_env=False, timeout=PATIENCE_SECONDS) as client:
            for _ in range(MOST_REQUESTS):
                if self._ending.wait(PAUSE_SECONDS):
                    return
                with self._lock:
                    self.sent += 1
                body = {"sku": unique("sku"), "name": "茶", "price": "1.00"}
                try:
                    answer = client.request(
                        method, PRODUCTS, json=body if method == "POST" else None
                    )
                except httpx.TransportError as exc:
                    self._record(method, type(exc).__name__, str(exc))
                else:
                    self._record(method, answer.status_code, answer.text)

    def _record(self, method: str, status: int | str, text: str) -> None:
        with self._lock:
            self.answers[method, status] += 1
            if isinstance(status, str) or status >= 400:
                self.failures.append(f"{method} {status}: {text}"[:300])


@contextmanager
def clients(url: str, *methods: str) -> Iterator[Clients]:
    """One client for each method; each has the answer to its last request at the end."""
    made = Clients(url)
    threads = [threading.Thread(target=made._loop, args=(method,)) for method in methods]
    for thread in threads:
        thread.start()
    try:
        yield made
    finally:
        made._ending.set()
        for thread in threads:
            thread.join()
