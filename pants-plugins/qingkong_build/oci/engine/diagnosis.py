"""Why an engine cannot be spoken to, in a user's words."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass

from qingkong_build.oci.engine.connection import Wire
from qingkong_build.oci.engine.errors import EngineUnreachableError

OTHER_ENGINE = "start the engine there, or name another (DOCKER_HOST, `docker context use`)"
_OTHER_USER = "let this user use it (`usermod -aG docker USER`, then log in again)"
_OTHER_CERTIFICATES = "DOCKER_CERT_PATH has to have the engine's ca.pem, and a cert.pem and key.pem"
_NO_ENGINE = "answers with something else than a container engine does"


@dataclass(frozen=True)
class Trouble:
    """A reason, and what to do about it."""

    why: str
    fix: str = OTHER_ENGINE


def diagnose(error: BaseException, wire: Wire) -> Trouble:
    """What an error of the libraries, while a wire was in use, comes from."""
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, EngineUnreachableError):
            return Trouble(str(cause))
    # Before Python 3.10 the two are not one.
    if wire.expired or any(isinstance(cause, (TimeoutError, socket.timeout)) for cause in causes):
        seconds = wire.limits.total if wire.expired else wire.limits.silence
        return Trouble(f"does not answer within {seconds:g} s")
    if wire.ssh_message:
        return Trouble(f"ssh says: {wire.ssh_message}")
    for cause in causes:
        trouble = _known(cause)
        if trouble is not None:
            return trouble
    if isinstance(error, (ValueError, TypeError, LookupError, AttributeError)):
        return Trouble(_NO_ENGINE)
    return Trouble(one_line(str(causes[-1]) or type(causes[-1]).__name__))


def _known(cause: BaseException) -> Trouble | None:
    if isinstance(cause, PermissionError):
        return Trouble(str(cause.strerror), _OTHER_USER)
    if isinstance(cause, (FileNotFoundError, ConnectionRefusedError)):
        return Trouble(str(cause.strerror))
    if isinstance(cause, ssl.SSLError):
        return Trouble(f"TLS: {cause.reason or cause}", _OTHER_CERTIFICATES)
    if isinstance(cause, http.client.RemoteDisconnected):
        return Trouble("closes the connection without an answer")
    if isinstance(cause, http.client.HTTPException):
        return Trouble(_NO_ENGINE)
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what it was raised from; libraries wrap it as an argument, too."""
    seen: list[BaseException] = []
    pending: list[BaseException | None] = [error]
    while pending:
        current = pending.pop(0)
        if current is None or current in seen:
            continue
        seen.append(current)
        yield current
        wrapped = (getattr(current, "reason", None), *current.args)
        pending += [current.__cause__, current.__context__]
        pending += [value for value in wrapped if isinstance(value, BaseException)]


def one_line(text: str) -> str:
    """A message of an engine as part of one of ours."""
    return " ".join(text.split()).rstrip(".") or "no reason given"
