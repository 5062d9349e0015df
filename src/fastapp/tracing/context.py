"""The trace of the request that is being served.

Imports next to nothing: logging needs it in every command.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import NamedTuple

from fastapp.identifiers import random_bits

_LOW_BITS = 1 << 64


class TraceContext(NamedTuple):
    """A place in a trace.

    Attributes:
        trace_id: 32 lower-case hexadecimal digits.
        span_id: 16 of them; the parent of what this process asks others for.
        sampled: whether those who record should record this trace.
        state: the tracestate header, or "".
    """

    trace_id: str
    span_id: str
    sampled: bool
    state: str = ""

    @property
    def traceparent(self) -> str:
        """The header of that name."""
        return f"00-{self.trace_id}-{self.span_id}-{'01' if self.sampled else '00'}"


trace_var: ContextVar[TraceContext | None] = ContextVar("fastapp_trace", default=None)


def current_trace() -> TraceContext | None:
    """The trace of the request being served, or None outside a request."""
    return trace_var.get()


def new_trace(ratio: float = 1.0) -> TraceContext:
    """The beginning of a trace.

    Args:
        ratio: share of traces that are marked as sampled, from 0 to 1. It is decided by the trace
            id, as OpenTelemetry does.
    """
    number = random_bits(192)
    digits = f"{number:048x}"
    sampled = ratio >= 1.0 or (number >> 64) % _LOW_BITS < ratio * _LOW_BITS
    return TraceContext(digits[:32], digits[32:], sampled)
