"""What must not be in the files: addresses of the build's machine, and secrets."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from image_view import Entry
from policy_rule import Finding, Subject, rule

_SECRET_FILE = re.compile(
    r"(.+/)?(\.env(\.(?!example$|sample$|template$)[^/]+)?|\.netrc|_netrc|\.pypirc|\.npmrc|"
    r"\.git-credentials|\.ssh/.+|\.aws/.+|\.docker/config\.json|\.kube/config|pip\.conf|"
    r"id_(rsa|dsa|ecdsa|ed25519)|[^/]+\.(key|p12|pfx|jks|keystore|kdbx))"
)
_SECRET_NAME = re.compile(
    r"SECRET|PASSWORD|PASSWD|TOKEN|CREDENTIAL|API_?KEY|PRIVATE_?KEY", re.IGNORECASE
)
# Written by the installer on this machine; the rest of a distribution is its author's.
_BY_INSTALLER = frozenset({"RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "WHEEL"})
# Publicly given as an example by who issues them, so in documents and tests everywhere.
_EXAMPLES = frozenset({"AKIAIOSFODNN7EXAMPLE"})


@rule(
    "QK-IMG-006",
    title="Nothing names the machine's package mirrors",
    reason="A mirror's address tells outsiders of a network, often carries a password, and makes "
    "two builds of the same sources differ. Which they are is read from the settings of pip, apt "
    "and Pants on the machine that builds.",
)
def no_mirror(subject: Subject) -> Iterator[Finding]:
    exact = _any_of(subject.machine.exact)
    every = _any_of((*subject.machine.exact, *subject.machine.hosts))
    for entry in subject.added_files:
        for value in _matches(exact if _of_an_author(entry) else every, entry.read()):
            yield Finding(
                f"names {value!r}, a package source of this machine. Take it from the machine's "
                "settings when it is needed.",
                entry.path,
            )
    for value in _matches(every, _own_configuration(subject)):
        yield Finding(f"the configuration names {value!r}, a package source of this machine.")


@rule(
    "QK-IMG-007",
    title="There is no secret",
    reason="Who can pull an image can read all of it, layers that later ones hide too. The "
    "patterns of credentials are those of detect-secrets; a name alone is enough for a variable.",
    stands_for=("CIS Docker 4.10", "Dockle CIS-DI-0010"),
)
def no_secret(subject: Subject) -> Iterator[Finding]:
    from secret_scan import secrets_in

    for entry in subject.added_files:
        if _SECRET_FILE.fullmatch(entry.path):
            yield Finding("is a file that holds credentials. Mount it at run time.", entry.path)
        for kind, line, value in secrets_in(entry.read(), ours=not _of_an_author(entry)):
            if value not in _EXAMPLES:
                yield Finding(f"line {line} has a {kind}. Give it at run time.", entry.path)
    for name, value in subject.image.environment.items():
        if value and _SECRET_NAME.search(name):
            yield Finding(f"'Env' sets {name}. Set it at run time.")
    for kind, _, value in secrets_in(_own_configuration(subject), ours=True):
        if value not in _EXAMPLES:
            yield Finding(f"the configuration has a {kind}. Give it at run time.")


def _own_configuration(subject: Subject) -> bytes:
    """The image's configuration, a value on a line; without the steps of the base's makers."""
    config = dict(subject.image.manifest.config)
    added = sum(1 for layer in subject.image.layers if layer.added)
    config["history"] = _last_steps(config.get("history") or [], added)
    return json.dumps(config, indent=1, ensure_ascii=False).encode()


def _last_steps(history: list[dict[str, Any]], layers: int) -> list[dict[str, Any]]:
    """The steps from the one on that made the first of the last so many layers."""
    filled = [number for number, step in enumerate(history) if not step.get("empty_layer")]
    return history[filled[-layers] :] if 0 < layers <= len(filled) else history


def _of_an_author(entry: Entry) -> bool:
    name = entry.path.rsplit("/", 1)[-1]
    return "/site-packages/" in entry.path and name not in _BY_INSTALLER


def _any_of(texts: Iterable[str]) -> re.Pattern[bytes] | None:
    words = sorted({text for text in texts if text})
    if not words:
        return None
    # A host's name inside a longer one is another host.
    joined = b"|".join(re.escape(word.encode()) for word in words)
    return re.compile(rb"(?<![\w.-])(?:" + joined + rb")(?![\w-])", re.IGNORECASE)


def _matches(pattern: re.Pattern[bytes] | None, content: bytes) -> list[str]:
    found = {match.decode() for match in pattern.findall(content)} if pattern else set()
    return sorted(found)


RULES = (no_mirror, no_secret)
