"""What a request to another service carries on from the one being served."""

from __future__ import annotations

from fastapp.logs.request_id import NO_REQUEST, request_id_var
from fastapp.tracing.context import trace_var


def outgoing_headers() -> dict[str, str]:
    """Headers for a request to another service on behalf of the one being served.

    ``traceparent``, ``tracestate`` where there is one, and ``X-Request-ID``; empty outside a
    request. For any client: ``await http.get(url, headers=outgoing_headers())``.
    """
    headers: dict[str, str] = {}
    trace = trace_var.get()
    if trace is not None:
        headers["traceparent"] = trace.traceparent
        if trace.state:
            headers["tracestate"] = trace.state
    request_id = request_id_var.get()
    if request_id != NO_REQUEST:
        headers["X-Request-ID"] = request_id
    return headers
