"""A collector of traces on the loopback address, speaking OTLP over HTTP."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span


@dataclass
class Collector:
    """What has arrived.

    Attributes:
        url: for OTLP_ENDPOINT.
        spans: by name of their service.
    """

    url: str
    spans: dict[str, list[Span]] = field(default_factory=dict)

    def wait_for(self, service: str, count: int, limit: float = 30.0) -> list[Span]:
        """The spans of a service, when there are so many."""
        deadline = time.monotonic() + limit
        while len(self.spans.get(service, [])) < count:
            assert time.monotonic() < deadline, f"arrived: {self.spans}"
            time.sleep(0.05)
        return self.spans[service]


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector until the end of the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            request = ExportTraceServiceRequest.FromString(body)
            for resource in request.resource_spans:
                name = next(
                    item.value.string_value
                    for item in resource.resource.attributes
                    if item.key == "service.name"
                )
                for scope in resource.scope_spans:
                    collector.spans.setdefault(name, []).extend(scope.spans)
            answer = ExportTraceServiceResponse().SerializeToString()
            assert self.path == "/v1/traces"
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: the test's output is for failures."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    collector = Collector(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
