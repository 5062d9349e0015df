"""Addresses that servers of build-support listen at: which are read, and what is said of others."""

from __future__ import annotations

import pytest
from listening.address import Address, AddressError


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:8980", "127.0.0.1", 8980),
        ("localhost:1", "localhost", 1),
        ("cache_1.example.com:65535", "cache_1.example.com", 65535),
        ("[::1]:8980", "::1", 8980),
        ("[fe80::1%eth0]:8980", "fe80::1%eth0", 8980),
    ],
)
def test_read_and_written(text: str, host: str, port: int) -> None:
    address = Address.parse(text, "--address")
    assert address == Address(host, port)
    assert str(address) == text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("8980", "it has no port"),
        ("localhost", "it has no port"),
        ("localhost:", "it has no port"),
        ("[::1]", "it has no port"),
        ("[::1]:", "it has no port"),
        ("", "it has no host"),
        (":8980", "it has no host"),
        ("localhost:0", "the port is no number from 1 to 65535"),
        ("localhost:65536", "the port is no number from 1 to 65535"),
        ("localhost:-1", "the port is no number from 1 to 65535"),
        ("localhost:http", "the port is no number from 1 to 65535"),
        ("localhost:٨", "the port is no number from 1 to 65535"),
        ("[::1]:http", "the port is no number from 1 to 65535"),
        ("::1", "an IPv6 address stands in brackets, and its port behind them"),
        ("::1:8980", "an IPv6 address stands in brackets, and its port behind them"),
        ("[localhost]:8980", "'localhost' is no IPv6 address"),
        ("[127.0.0.1]:8980", "'127.0.0.1' is no IPv6 address"),
        ("[]:8980", "'' is no IPv6 address"),
        ("[::1:8980", "an IPv6 address stands in brackets, and its port behind them"),
        ("[::1]8980", "an IPv6 address stands in brackets, and its port behind them"),
        ("grpc://localhost:8980", "it is a URL"),
        ("local host:8980", "'local host' is no name of a host"),
        (" localhost:8980", "' localhost' is no name of a host"),
        ("localhost:8980\n", "the port is no number from 1 to 65535"),
    ],
)
def test_refused(text: str, why: str) -> None:
    with pytest.raises(AddressError) as caught:
        Address.parse(text, "CACHE_SERVER_ADDRESS")
    assert str(caught.value) == (
        f"reading an address: CACHE_SERVER_ADDRESS={text!r}: {why}. "
        "Fix: give HOST:PORT, such as 127.0.0.1:8980 or [::1]:8980."
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.0.0.0:8980", "127.0.0.1:8980"),
        ("[::]:8980", "[::1]:8980"),
        ("[0:0::0]:8980", "[::1]:8980"),
        ("192.0.2.1:8980", "192.0.2.1:8980"),
        ("localhost:8980", "localhost:8980"),
    ],
)
def test_how_this_machine_reaches_it(text: str, expected: str) -> None:
    assert str(Address.parse(text, "--address").from_here) == expected
