"""Answers of services that are out of the ordinary, and clients that are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from integration.gateway.processes import command, service_process, wait_until_up
from integration.gateway.support import (
    SECONDS,
    canned,
    json_of,
    raw,
    request,
    running_gateway,
    wait_for,
)
from integration.ports import free_port
from integration.programs import ended

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"


def answer_of(said: bytes, message: bytes | None = None) -> bytes:
    """What a client gets of what a service says."""
    with canned(said) as port_of_service:
        with running_gateway({"shop": [f"http://127.0.0.1:{port_of_service}"]}) as port:
            return raw(port, message or request("/shop/x"), timeout=SECONDS)


def old(target: str, method: str = "GET") -> bytes:
    return f"{method} {target} HTTP/1.0\r\nHost: h\r\n\r\n".encode()


def test_a_client_of_old_gets_no_chunks() -> None:
    said = HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n"
    answer = answer_of(said, old("/shop/x"))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert body == b"abcdef"
    assert b"transfer-encoding" not in head.lower()
    assert b"connection: close" in head.lower()
    # A length that is known is said, and one of HEAD goes without a body.
    answer = answer_of(HEAD + b"Content-Length: 3\r\n\r\nabc", old("/shop/x"))
    assert b"content-length: 3" in answer.lower()
    assert answer.endswith(b"\r\n\r\nabc")
    answer = answer_of(HEAD + b"Content-Length: 3\r\n\r\n", old("/shop/x", "HEAD"))
    assert answer.endswith(b"\r\n\r\n")
    answer = answer_of(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", old("/shop/x", "HEAD"))
    assert answer.endswith(b"\r\n\r\n")
    assert b"transfer-encoding" not in answer.lower()


@pytest.mark.parametrize("status", [b"000", b"099", b"600", b"999"])
def test_a_status_that_http_does_not_have_is_502(status: bytes) -> None:
    answer = answer_of(b"HTTP/1.1 %b Odd\r\nContent-Length: 0\r\n\r\n" % status)
    assert answer.startswith(b"HTTP/1.1 502"), answer
    assert json_of(answer)["error"] == "bad_gateway"


def test_interim_answers_are_left_out() -> None:
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </x.css>; rel=preload\r\n\r\n"
    waiting = b"HTTP/1.1 102 Processing\r\n\r\n"
    answer = answer_of(hints + waiting + HEAD + b"Content-Length: 3\r\n\r\nabc")
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.count(b"HTTP/1.1") == 1
    assert answer.endswith(b"\r\n\r\nabc")
    assert b"link" not in answer.lower()


def test_trailers_are_left_out() -> None:
    body = b"3\r\nabc\r\n0\r\nX-Sum: 1\r\nSet-Cookie: a=1\r\n\r\n"
    answer = answer_of(HEAD + b"Trailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n" + body)
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b"3\r\nabc\r\n0\r\n\r\n")
    assert b"x-sum" not in answer.lower()
    assert b"set-cookie" not in answer.lower()


@contextmanager
def logged_gateway(upstream: str) -> Iterator[tuple[str, list[str]]]:
    """A gateway as a process: its URL, and its log, which is complete after the block."""
    port = free_port()
    process = command("--port", str(port), "--upstream", upstream)
    with ended(process) as log:
        url = f"http://127.0.0.1:{port}"
        wait_until_up(process, f"{url}/healthz/live", log)
        yield url, log


def test_an_answer_that_breaks_off_is_one_line_with_the_id() -> None:
    with canned(HEAD + b"Content-Length: 100\r\n\r\nhalf") as port_of_service:
        with logged_gateway(f"shop=http://127.0.0.1:{port_of_service}") as (url, log):
            with pytest.raises(httpx.RemoteProtocolError):
                httpx.get(f"{url}/shop/x", headers={"X-Request-ID": "of-the-test"})
    (line, access) = (line for line in log if "of-the-test" in line)
    assert "broke off in the middle of its answer" in line
    assert "GET /shop/x" in access
    assert "Traceback" not in "".join(log)
    assert "Exception in ASGI" not in "".join(log)


def test_a_client_that_leaves_a_stream_is_499_in_the_log() -> None:
    with service_process() as (_service, service):
        with logged_gateway(f"shop={service}") as (url, log):
            with httpx.stream("GET", f"{url}/shop/events", timeout=SECONDS) as answer:
                assert next(answer.iter_text()).startswith("data: 0")
            # The end of the server would end it, too.
            wait_for(lambda: any("/shop/events" in line for line in log))
    (line,) = (line for line in log if "/shop/events" in line)
    assert " 499 " in line
