"""From request headers to a trace context, by OpenTelemetry's own reader of the W3C headers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from fastapp.tracing.context import TraceContext, new_trace

_READER: Final = TraceContextTextMapPropagator()
#: Does not depend on what is current in this task.
_EMPTY: Final = Context()


def trace_of(parents: Sequence[bytes], states: Sequence[bytes], ratio: float) -> TraceContext:
    """The trace that the headers name, or a new one when they name none or are invalid.

    Args:
        parents: values of the traceparent headers. More than one is as invalid as a wrong one.
        states: values of the tracestate headers, in order.
        ratio: as :func:`new_trace` takes it.
    """
    if len(parents) != 1:
        return new_trace(ratio)
    found = span_of(parents[0], states)
    return new_trace(ratio) if found is None else found


def span_of(parent: bytes, states: Sequence[bytes]) -> TraceContext | None:
    """What one traceparent and its tracestate say; None when the former is invalid."""
    carrier = {"traceparent": parent.decode("latin-1")}
    if states:
        carrier["tracestate"] = b",".join(states).decode("latin-1")
    return from_span(trace.get_current_span(_READER.extract(carrier, _EMPTY)))


def from_span(span: trace.Span) -> TraceContext | None:
    """The place of a span; None of one that is none."""
    found = span.get_span_context()
    if not found.is_valid:
        return None
    return TraceContext(
        trace.format_trace_id(found.trace_id),
        trace.format_span_id(found.span_id),
        found.trace_flags.sampled,
        found.trace_state.to_header(),
    )
