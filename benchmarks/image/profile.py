"""Where the time of a command of Pants goes, by the times of its own messages."""

from __future__ import annotations

import re
import time

from measuring.commands import Done

_MESSAGE = re.compile(r"^(\d\d):(\d\d):(\d\d\.\d\d) \[INFO\] (Starting|Completed): (.*)$", re.M)
BEFORE, BETWEEN, AFTER = "before the first process", "between processes", "after the last process"
_DAY = 86_400.0


def phases(done: Done) -> dict[str, float]:
    """Seconds of each process, and of what is before, between and after them, in that order.

    Messages have hundredths of a second. Where processes run at once, what is between is less
    than nothing by as much.
    """
    began = time.localtime(done.began)
    offset = began.tm_hour * 3600 + began.tm_min * 60 + began.tm_sec + done.began % 1
    spans: dict[str, list[float]] = {}
    for hours, minutes, seconds, _, name in _MESSAGE.findall(done.errors):
        moment = int(hours) * 3600 + int(minutes) * 60 + float(seconds) - offset
        # It may be midnight meanwhile.
        spans.setdefault(name, []).append(moment % _DAY)
    whole = {name: span for name, span in spans.items() if len(span) == 2}
    if not whole:
        return {BEFORE: done.seconds}
    first = min(start for start, _ in whole.values())
    last = max(end for _, end in whole.values())
    taken = {name: end - start for name, (start, end) in whole.items()}
    return {
        BEFORE: first,
        **taken,
        BETWEEN: last - first - sum(taken.values()),
        AFTER: done.seconds - last,
    }
