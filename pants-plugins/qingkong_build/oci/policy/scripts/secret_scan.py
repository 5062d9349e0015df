"""Credentials in a file, by the patterns of detect-secrets.

Only patterns that a credential's issuer gave it are used. Those that guess from entropy or from
the name of a variable find hundreds of hashes and examples in any package, and no secret.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache

from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class
from detect_secrets.plugins.base import BasePlugin, RegexBasedDetector

# Not given a form by an issuer: any address, or whatever a variable of some name is set to.
_GUESSES = frozenset(
    {
        "Cloudant Credentials",
        "IBM COS HMAC Credentials",
        "IBM Cloud IAM Key",
        "Public IP (ipv4)",
        "SoftLayer Credentials",
    }
)
# Documents of packages are full of `scheme://user:password@host`.
_OURS_ONLY = "Basic Auth Credentials"


def secrets_in(content: bytes, *, ours: bool) -> Iterator[tuple[str, int, str]]:
    """Each credential, as (what it is, number of its line from 1, itself).

    Args:
        content: of a file; one with null bytes holds no text.
        ours: whether we wrote it, and not the author of a package.
    """
    if b"\0" in content[:8192]:
        return
    text = content.decode("utf-8", "replace")
    for detector in _detectors():
        if detector.secret_type == _OURS_ONLY and not ours:
            continue
        for pattern in detector.denylist:
            # All of a file at once: line by line, a thousand files take a minute.
            for match in pattern.finditer(text):
                value = match[match.lastindex or 0]
                yield detector.secret_type, text.count("\n", 0, match.start()) + 1, value


@cache
def _detectors() -> tuple[RegexBasedDetector, ...]:
    classes: Mapping[str, type[BasePlugin]] = get_mapping_from_secret_type_to_class()
    return tuple(
        kind()
        for name, kind in sorted(classes.items())
        if issubclass(kind, RegexBasedDetector) and name not in _GUESSES
    )
