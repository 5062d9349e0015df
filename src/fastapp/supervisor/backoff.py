"""How long to wait before a service that ended is started again."""

from __future__ import annotations

#: Seconds before the second start in a row; doubled for each further one.
BASE_DELAY = 0.5
#: The longest wait, in seconds.
MAX_DELAY = 30.0
#: Seconds of service after which earlier failures are forgotten.
HEALTHY_AFTER = 30.0


class Backoff:
    """Counts the failures of one service in a row.

    The first failure after a healthy time is answered at once: it costs clients the least. Those
    that follow wait 0.5, 1, 2, ... seconds, at most 30.
    """

    def __init__(
        self,
        base: float = BASE_DELAY,
        maximum: float = MAX_DELAY,
        healthy_after: float = HEALTHY_AFTER,
    ) -> None:
        self.base = base
        self.maximum = maximum
        self.healthy_after = healthy_after
        self.failures = 0

    def delay_after(self, served: float) -> float:
        """Record a failure and tell how many seconds to wait.

        Args:
            served: seconds that the process was up; 0 when it never was.
        """
        if served >= self.healthy_after:
            self.failures = 0
        self.failures += 1
        if self.failures == 1:
            return 0.0
        # The exponent is bounded, or a service that fails for a month overflows a float.
        return min(self.maximum, self.base * 2.0 ** min(self.failures - 2, 30))

    def reset(self) -> None:
        """Forget all failures, as when the source was changed."""
        self.failures = 0
