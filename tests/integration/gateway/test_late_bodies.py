"""Bodies that arrive behind the answer to their request: neither idle time, nor one without end."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from integration.gateway.support import SECONDS, raw, serving, wait_for

from fastapp.limits import limited

HEAD_BYTES = 2000
#: Of a server with a client that sends as soon as it may: long enough for a machine that is busy.
PATIENCE = 2.0
UNREAD = b"POST / HTTP/1.1\r\nHost: h\r\n"
OTHER = b"POST /other HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"


async def refuse(_scope: Any, _receive: Any, send: Any) -> None:
    """Answers without reading the body."""
    headers = [(b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": b"no"})


def read_answer(client: socket.socket) -> None:
    """Read the answer to the request, which ends with its body."""
    answer = b""
    while not answer.endswith(b"no"):
        chunk = client.recv(65536)
        assert chunk, answer
        answer += chunk
    assert answer.startswith(b"HTTP/1.1 413"), answer


@pytest.mark.parametrize("behind", [b"", OTHER], ids=["alone", "before-a-request"])
def test_a_body_that_arrives_behind_its_answer_is_no_idle_time(behind: bytes) -> None:
    # What is idle is closed at once.
    with serving(
        refuse, lifespan="off", http=limited(HEAD_BYTES, SECONDS, SECONDS), timeout_keep_alive=0
    ) as port:
        with socket.create_connection(("127.0.0.1", port), SECONDS) as client:
            client.sendall(UNREAD + b"Content-Length: 12\r\n\r\n")
            read_answer(client)
            for piece in (b"abc", b"def", b"ghi"):
                client.sendall(piece)
                # The server has read it when it has answered a later connection.
                assert b" 413 " in raw(port, OTHER)
            client.sendall(b"jkl" + behind)
            # The end of the body begins the idle time.
            answers = b"".join(iter(lambda: client.recv(65536), b""))
    assert answers.count(b"HTTP/1.1 413") == answers.count(b"HTTP/1.1 ") == bool(behind)


def test_a_body_that_drips_behind_its_answer_is_cut_off() -> None:
    protocol = limited(HEAD_BYTES, PATIENCE, None)
    with serving(refuse, lifespan="off", http=protocol) as port:
        with socket.create_connection(("127.0.0.1", port), SECONDS) as client:
            client.sendall(UNREAD + b"Content-Length: 1000000\r\n\r\n")
            read_answer(client)
            client.settimeout(PATIENCE / 10)

            def is_closed() -> bool:
                try:
                    client.sendall(b"x")
                    return client.recv(65536) == b""
                except TimeoutError:
                    return False
                except ConnectionError:
                    return True

            wait_for(is_closed)


def test_a_body_that_breaks_behind_its_answer_gets_no_other() -> None:
    with serving(refuse, lifespan="off", http=limited(HEAD_BYTES, SECONDS, SECONDS)) as port:
        with socket.create_connection(("127.0.0.1", port), SECONDS) as client:
            client.sendall(UNREAD + b"Transfer-Encoding: chunked\r\n\r\n")
            read_answer(client)
            client.sendall(b"zz\r\n")
            assert b"".join(iter(lambda: client.recv(65536), b"")) == b""
