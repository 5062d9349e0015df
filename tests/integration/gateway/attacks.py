"""Requests that no server may take: read in two ways by two servers, or without an end."""

from __future__ import annotations

#: Follows each of them on the wire. Whoever takes the attack for shorter than it is sees it.
SMUGGLED = b"GET /shop/smuggled HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"

#: Headers of a POST that make its length, or where they end, ambiguous.
FIELDS = [
    [b"Content-Length: 4", b"Transfer-Encoding: chunked"],
    [b"Transfer-Encoding: chunked", b"Content-Length: 4"],
    [b"Content-Length: 4", b"Content-Length: 5"],
    [b"Content-Length: 4", b"Content-Length: 4"],
    [b"Content-Length: 4, 5"],
    [b"Content-Length: +4"],
    [b"Content-Length: 0x4"],
    [b"Content-Length: -1"],
    [b"Content-Length: 4 4"],
    [b"Content-Length: 4\x0b"],
    [b"Content-Length:"],
    [b"Content-Length: 99999999999999999999"],
    [b"Transfer-Encoding: xchunked"],
    [b"Transfer-Encoding: chunked, identity"],
    [b"Transfer-Encoding: identity"],
    [b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity"],
    [b"Transfer-Encoding : chunked"],
    [b"Transfer-Encoding\t: chunked"],
    [b"Transfer-Encoding:\x0bchunked"],
    [b'Transfer-Encoding: "chunked"'],
    [b"Transfer-Encoding: chunked;x=1"],
    [b" Transfer-Encoding: chunked"],
    # Obsolete folding.
    [b"X: 1\r\n Transfer-Encoding: chunked", b"Content-Length: 4"],
    [b"X: 1\r\n\tfolded"],
    # Bare line feed, bare carriage return, zero byte.
    [b"X: 1\nTransfer-Encoding: chunked"],
    [b"X: 1\rTransfer-Encoding: chunked"],
    [b"X: 1\x00"],
    [b"X\x00: 1"],
    [b"X Y: 1"],
    [b"X : 1"],
    [b": 1"],
    [b"no colon"],
    [b"Host: other"],
]

#: Chunked bodies with sizes that are none, or that lie.
CHUNKS = [
    b"zz\r\nabc\r\n0\r\n\r\n",
    b"3\r\nabcd\r\n0\r\n\r\n",
    b"4\r\nabc\r\n0\r\n\r\n",
    b"-1\r\nabc\r\n0\r\n\r\n",
    b"+3\r\nabc\r\n0\r\n\r\n",
    b"0x3\r\nabc\r\n0\r\n\r\n",
    b" 3\r\nabc\r\n0\r\n\r\n",
    b"3 \r\nabc\r\n0\r\n\r\n",
    b"fffffffffffffffff\r\nabc\r\n0\r\n\r\n",
    b"3\nabc\n0\n\n",
    b"3\r\nabc\n0\r\n\r\n",
    b"3;x=\x00\r\nabc\r\n0\r\n\r\n",
    b"3;x\nabc\r\n0\r\n\r\n",
    b"\r\n3\r\nabc\r\n0\r\n\r\n",
    b"3\r\nabc\r\n0\r\nContent-Length: 5\r\n\r\n",
]

#: Request lines.
LINES = [
    b"GET /shop/echo",
    b"GET /shop/a b HTTP/1.1",
    b"G\x00T /shop/echo HTTP/1.1",
    b"GET /shop/\x00 HTTP/1.1",
    b"GET /shop/\xff HTTP/1.1",
    b"GET shop/echo HTTP/1.1",
    b"GET http://other.example/shop/echo HTTP/1.1",
    b"GET http://other@127.0.0.1/shop/echo HTTP/1.1",
    b"GET http://127.0.0.1.other.example/shop/echo HTTP/1.1",
    b"CONNECT h:80 HTTP/1.1",
    b"CONNECT 127.0.0.1 HTTP/1.1",
    b"CONNECT /shop/echo HTTP/1.1",
    b"GET * HTTP/1.1",
    b"GET /shop/echo HTTP/3.7",
    b"GET /shop/echo HTTP/1.1 HTTP/1.1",
    b"GET /shop/echo http/1.1",
    b"PRI * HTTP/2.0",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
]

#: Ends of a head that is otherwise good, each repeated until somebody has enough.
ENDLESS = [b"a", b"X: 1\r\n", b"X: " + b"a" * 1000 + b"\r\n"]


def head(fields: list[bytes], line: bytes = b"POST /shop/echo HTTP/1.1") -> bytes:
    """A request's head with these headers."""
    return b"\r\n".join([line, b"Host: 127.0.0.1", *fields]) + b"\r\n\r\n"


def chunked(body: bytes) -> bytes:
    """A POST whose body is this, which should be chunks."""
    return head([b"Transfer-Encoding: chunked"]) + body
