"""What the cache server is started with, checked before anything is started."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from listening.address import Address

DEFAULT_ADDRESS = "127.0.0.1:8980"

_UNITS = {"M": 1000**2, "G": 1000**3, "T": 1000**4}
# Less holds no build.
_SMALLEST_QUOTA = 10 * _UNITS["M"]


class CacheServerError(Exception):
    """The server cannot run; the text says what failed, where, with which value, and the fix."""


@dataclass(frozen=True)
class Settings:
    """`quota` is in bytes."""

    address: Address
    folder: Path
    quota: int
    keep_hours: int
    statsd: Address | None
    redis: Path


def read_settings(arguments: Sequence[str], variables: Mapping[str, str]) -> Settings:
    """The settings of the command line and, where it has none, of the environment.

    Raises:
        AddressError: one that it has to listen at or to send to is none.
        CacheServerError: another one cannot be used.
    """
    parser = argparse.ArgumentParser(
        prog="cache-server", description="A shared cache for Pants (docs/shared-cache.md)."
    )
    for name, default, meaning in (
        ("address", DEFAULT_ADDRESS, "HOST:PORT to listen on"),
        ("folder", "~/.cache/qingkong-build/cache-server", "where everything is kept"),
        ("quota", "20G", "bytes of blobs, with M, G or T"),
        ("keep-hours", "24", "what was used within so many hours is never evicted"),
        ("statsd", "", "HOST:PORT to send metrics to, in StatsD's format, by UDP"),
    ):
        variable = f"CACHE_SERVER_{name.upper().replace('-', '_')}"
        parser.add_argument(
            f"--{name}",
            # `make` exports variables that are not set as empty ones.
            default=variables.get(variable) or default,
            help=f"{meaning} ({variable}; default: {default or 'none'})",
        )
    given = parser.parse_args(arguments)
    settings = Settings(
        address=Address.parse(given.address, "--address"),
        folder=_folder(given.folder),
        quota=_quota(given.quota),
        keep_hours=_hours(given.keep_hours),
        statsd=_statsd(given.statsd) if given.statsd else None,
        redis=_redis(variables),
    )
    _make_folder(settings.folder)
    return settings


def _folder(value: str) -> Path:
    try:
        return Path(os.path.abspath(Path(value).expanduser()))
    except RuntimeError:
        raise CacheServerError(
            f"there is no such home directory: --folder={value!r}. Fix: give an absolute path."
        ) from None


def _statsd(value: str) -> Address:
    address = Address.parse(value, "--statsd")
    if address.is_ipv6:
        raise CacheServerError(
            f"BuildGrid sends metrics to no IPv6 address: --statsd={value!r}. "
            "Fix: give an IPv4 address, or a name."
        )
    return address


def _quota(value: str) -> int:
    match = re.fullmatch(r"(\d+)([MGT])", value.upper())
    size = int(match[1]) * _UNITS[match[2]] if match else 0
    if size < _SMALLEST_QUOTA:
        raise CacheServerError(
            f"not a size of 10M or more: --quota={value!r}. Fix: give a number with M, G or T, "
            "such as 20G."
        )
    return size


def _hours(value: str) -> int:
    if not value.isdecimal():
        raise CacheServerError(
            f"not a number of hours: --keep-hours={value!r}. Fix: give a whole number, such as 24; "
            "0 lets the quota decide alone."
        )
    return int(value)


def _redis(variables: Mapping[str, str]) -> Path:
    program = shutil.which("redis-server", path=variables.get("PATH"))
    if program is None:
        raise CacheServerError(
            "redis-server, which keeps the results, was not found: "
            f"PATH={variables.get('PATH', '')!r}. Fix: apt-get install redis-server."
        )
    return Path(program)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        probe = folder / f".probe-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise CacheServerError(
            f"the folder cannot be written to: --folder={folder}: {error.strerror}. "
            "Fix: name one that this user may write, on a disk that has room for the quota."
        ) from None


def check_address_is_free(settings: Settings) -> None:
    """Fail while there is a reason to give; BuildGrid would say less.

    Raises:
        CacheServerError: the address cannot be listened on.
    """
    address = settings.address
    family = socket.AF_INET6 if address.is_ipv6 else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((address.host, address.port))
            probe.listen()
    except OSError as error:
        raise CacheServerError(
            f"the address cannot be listened on: --address={address}: "
            f"{error.strerror or error}. Fix: stop what listens there "
            f"(`ss -ltnp 'sport = :{address.port}'` shows it), or give another address."
        ) from None
