"""W3C trace context: what is taken over, what begins again, what is passed on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastapp.conf import BaseSettings
from fastapp.exceptions import ImproperlyConfigured
from fastapp.logs import request_id_var
from fastapp.tracing import TraceContext, current_trace, outgoing_headers
from fastapp.tracing.context import new_trace, trace_var
from fastapp.tracing.exporter import exporter_problem, tracer_provider
from fastapp.tracing.propagation import trace_of

ID = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{ID}-b7ad6b7169203331-01"


@pytest.fixture
def in_request() -> Iterator[None]:
    trace = trace_var.set(TraceContext(ID, "b7ad6b7169203331", sampled=False, state="a=1"))
    request = request_id_var.set("r-1")
    yield
    trace_var.reset(trace)
    request_id_var.reset(request)


def test_a_trace_is_taken_over() -> None:
    found = trace_of([PARENT.encode()], [b"a=1", b"b=2"], 1.0)
    assert found == TraceContext(ID, "b7ad6b7169203331", sampled=True, state="a=1,b=2")
    assert found.traceparent == PARENT
    assert not trace_of([PARENT[:-1].encode() + b"0"], [], 1.0).sampled


@pytest.mark.parametrize(
    "parents",
    [
        [],
        [b""],
        [PARENT.encode(), PARENT.encode()],
        [PARENT.upper().encode()],
        [f"{PARENT}-more".encode()],
        [f"ff{PARENT[2:]}".encode()],
        [PARENT[:-1].encode()],
        [f"00-{'0' * 32}-b7ad6b7169203331-01".encode()],
        [f"00-{ID}-{'0' * 16}-01".encode()],
        [b"\xff" + PARENT.encode()],
    ],
)
def test_what_is_missing_or_invalid_begins_a_new_trace(parents: list[bytes]) -> None:
    found = trace_of(parents, [b"a=1"], 1.0)
    assert found.trace_id != ID
    # The state belongs to the trace that was not taken over.
    assert found.state == ""


@pytest.mark.parametrize(
    "state", [b"A=1", b"a", b"a=1,a=2", b",".join(b"k%d=1" % number for number in range(33))]
)
def test_a_wrong_state_does_not_take_the_trace_with_it(state: bytes) -> None:
    found = trace_of([PARENT.encode()], [state], 1.0)
    assert (found.trace_id, found.state) == (ID, "")


@given(st.binary(max_size=80), st.lists(st.binary(max_size=80), max_size=3))
def test_any_bytes_give_a_valid_trace(parent: bytes, states: list[bytes]) -> None:
    found = trace_of([parent], states, 1.0)
    assert trace_of([found.traceparent.encode()], [found.state.encode("latin-1")], 1.0) == found


def test_the_share_of_sampled_traces() -> None:
    assert all(new_trace(1.0).sampled for _ in range(50))
    assert not any(new_trace(0.0).sampled for _ in range(50))
    sampled = sum(new_trace(0.5).sampled for _ in range(2000))
    # 11 standard deviations.
    assert 750 < sampled < 1250
    assert len({new_trace().trace_id for _ in range(100)}) == 100


@pytest.mark.usefixtures("in_request")
def test_requests_to_others_carry_the_trace_and_the_id() -> None:
    assert outgoing_headers() == {
        "traceparent": f"00-{ID}-b7ad6b7169203331-00",
        "tracestate": "a=1",
        "X-Request-ID": "r-1",
    }


def test_outside_a_request_there_is_nothing_to_carry() -> None:
    assert current_trace() is None
    assert outgoing_headers() == {}


def test_an_exporter_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = BaseSettings.from_values({"OTLP_ENDPOINT": "http://127.0.0.1:4318"})
    assert exporter_problem(settings) is None
    assert tracer_provider(BaseSettings.from_values({}), "x") is None

    monkeypatch.setattr("fastapp.tracing.exporter.installed_version", lambda _name: None)
    with pytest.raises(ImproperlyConfigured) as caught:
        tracer_provider(settings, "x")
    text = str(caught.value)
    assert "OTLP_ENDPOINT is 'http://127.0.0.1:4318'" in text
    assert "opentelemetry-sdk, opentelemetry-exporter-otlp-proto-http" in text


@pytest.mark.parametrize("url", ["collector:4318", "ftp://x", "http://", "http://x/?a=b"])
def test_an_endpoint_that_is_no_url(url: str) -> None:
    with pytest.raises(ImproperlyConfigured) as caught:
        BaseSettings.from_values({"OTLP_ENDPOINT": url})
    assert f"OTLP_ENDPOINT={url!r}: expected a URL such as" in str(caught.value)
