"""Signatures by a program that the caller names; the key stays with it. Standard library only."""

from __future__ import annotations

import base64
import binascii
import shlex
import subprocess

from attest_error import AttestError, refusal

_SECONDS = 120


def sign(content: bytes, command: str) -> str:
    """The signature of `content` that `command` makes, as base64.

    Raises:
        AttestError: it could not be run, failed, or wrote something else.
    """
    try:
        argv = shlex.split(command)
        if not argv:
            raise _refused(command, "it is empty")
        done = subprocess.run(
            argv, input=content, capture_output=True, timeout=_SECONDS, check=False
        )
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise _refused(command, f"it did not run: {error}") from None
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip()
        raise _refused(command, f"it failed with {done.returncode}: {said}")
    # Sixty-four and more bytes of a raw signature are never all letters.
    if not done.stdout.isascii():
        return base64.b64encode(done.stdout).decode()
    try:
        raw = base64.b64decode(b"".join(done.stdout.split()), validate=True)
    except binascii.Error:
        raw = b""
    if not raw:
        why = f"it wrote {done.stdout[:40]!r}, which is neither a raw signature nor one in base64"
        raise _refused(command, why)
    return base64.b64encode(raw).decode()


def _refused(command: str, why: str) -> AttestError:
    fix = "name a program that signs its standard input and writes the signature"
    return refusal("signing", "--command", command, why, fix)
