"""One request followed through a gateway and a service, both processes of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
from integration.observability.collector import collecting
from integration.observability.reading import JSON_LOGS, log_of
from integration.serving import server
from opentelemetry.proto.trace.v1.trace_pb2 import Span

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"


def access(log: list[dict[str, Any]], path: str) -> dict[str, Any]:
    """The one line about a request."""
    (line,) = [line for line in log if line["logger"] == "fastapp.access" and line["path"] == path]
    return line


def test_one_id_through_logs_header_and_error(tmp_path: Path) -> None:
    with (
        server(QK_DATA_DIR=str(tmp_path), **JSON_LOGS) as (service, service_url),
        server(
            *("--upstream", f"shop={service_url}"),
            command="gateway",
            QK_INSTALLED_APPS="[]",
            **JSON_LOGS,
        ) as (gateway, url),
    ):
        path = "/shop/products/12"
        missing = httpx.get(f"{url}{path}?token=s3cret", headers={"traceparent": PARENT})
        given = httpx.get(f"{url}/shop/nothing", headers={"X-Request-ID": "of-the-caller"})
        outside = httpx.get(f"{url}/none-of-ours")
        outer, inner = log_of(gateway), log_of(service)
    # The database is not set up: the service answers with an error of its own.
    assert missing.status_code >= 404
    request_id = missing.headers["x-request-id"]
    assert len(request_id) == 32
    assert missing.json()["request_id"] == request_id

    first, second = access(outer, path), access(inner, path)
    for line in (first, second):
        assert line["request_id"] == request_id
        assert line["trace_id"] == TRACE
        assert (line["method"], line["status"]) == ("GET", missing.status_code)
        assert line["client"] == "127.0.0.1"
        assert line["level"] == "INFO"
        # What is secret in a query is not for the log.
        assert "s3cret" not in str(line)
    assert first["route"] == "/shop"
    assert first["upstream"] == service_url
    assert (second["app"], second["route"]) == ("shop", "/shop/products/{id}")
    assert first["duration_ms"] >= second["duration_ms"] > 0
    # What else the service logged while it served this request has the ids too.
    others = [line for line in inner if line["request_id"] == request_id]
    assert all(line["trace_id"] == TRACE for line in others)

    assert given.json()["request_id"] == given.headers["x-request-id"] == "of-the-caller"
    lines = [access(log, "/shop/nothing") for log in (outer, inner)]
    assert {line["request_id"] for line in lines} == {"of-the-caller"}
    # No trace was given: the gateway begins one, and the service goes on with it.
    assert len({line["trace_id"] for line in lines}) == 1
    assert lines[0]["trace_id"] != TRACE
    assert lines[1]["route"] == "unmatched"

    line = access(outer, "/none-of-ours")
    assert (line["status"], line["request_id"]) == (404, outside.headers["x-request-id"])
    assert "upstream" not in line


def test_the_access_log_can_be_off() -> None:
    with server(QK_ACCESS_LOG="0", **JSON_LOGS) as (process, url):
        assert httpx.get(f"{url}/nothing").status_code == 404
        assert not [line for line in log_of(process) if line["logger"] == "fastapp.access"]


def attributes(span: Span) -> dict[str, Any]:
    return {item.key: item.value.string_value or item.value.int_value for item in span.attributes}


def test_spans_of_gateway_and_service_are_one_trace() -> None:
    with (
        collecting() as collector,
        server(QK_OTLP_ENDPOINT=collector.url, **JSON_LOGS) as (service, service_url),
        server(
            *("--upstream", f"shop={service_url}"),
            command="gateway",
            QK_OTLP_ENDPOINT=collector.url,
            QK_SERVICE_NAME="edge",
            QK_INSTALLED_APPS="[]",
            **JSON_LOGS,
        ) as (gateway, url),
    ):
        headers = {"traceparent": PARENT, "tracestate": "vendor=1"}
        httpx.get(f"{url}/shop/nothing", headers=headers)
        # Not to be recorded, says the caller.
        httpx.get(f"{url}/shop/quiet", headers={"traceparent": f"{PARENT[:-1]}0"})
        # What is left is sent at the end.
        log_of(gateway)
        inner = log_of(service)
        edge = [
            span
            for span in collector.wait_for("edge", 1)
            if attributes(span).get("url.path") == "/shop/nothing"
        ]
        spans = [span for span in collector.wait_for("fastapp", 1) if span.trace_id.hex() == TRACE]
    (outer,) = edge
    assert outer.trace_id.hex() == TRACE
    assert outer.parent_span_id.hex() == "b7ad6b7169203331"
    assert outer.trace_state == "vendor=1"
    assert outer.name == "GET /shop"
    assert attributes(outer)["http.response.status_code"] == 404
    assert attributes(outer)["fastapp.upstream"] == service_url
    # FastAPI's own span hangs below the gateway's, and the log names it.
    (served,) = [span for span in spans if span.parent_span_id == outer.span_id]
    assert attributes(served)["http.response.status_code"] == 404
    line = access(inner, "/shop/nothing")
    assert (line["trace_id"], line["span_id"]) == (TRACE, served.span_id.hex())
    for recorded in collector.spans.values():
        assert not [one for one in recorded if attributes(one).get("url.path") == "/shop/quiet"]
