"""W3C trace context: which trace the request that is being served belongs to."""

from fastapp.tracing.context import TraceContext, current_trace
from fastapp.tracing.outgoing import outgoing_headers

__all__ = ["TraceContext", "current_trace", "outgoing_headers"]
