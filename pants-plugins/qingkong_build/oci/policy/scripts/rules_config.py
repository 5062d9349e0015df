"""How the image says that it is started, watched and ended, and what it is."""

from __future__ import annotations

import ast
import posixpath
import re
import sys
from collections.abc import Iterator
from typing import Any

from policy_rule import Finding, Subject, rule

_PREFIX = "org.opencontainers.image."
_LABELS = ("title", "description", "version", "licenses")
_VERSION = re.compile(r"\d+(\.\d+)+([-+.]?[0-9A-Za-z.-]+)?")
_SPDX = re.compile(r"[A-Za-z0-9.+-]+(( (AND|OR|WITH) |[()])+[A-Za-z0-9.+-]+)*\)*")
_KEY = re.compile(r"[a-z0-9]+([.-][a-z0-9]+)*")
_SHELLS = frozenset({"sh", "bash", "dash", "ash", "zsh", "ksh", "fish"})
_ENDING = frozenset({"SIGTERM", "SIGINT", "SIGQUIT", "SIGWINCH", "SIGHUP", "15", "2", "3", "28"})
_PYTHON = re.compile(r"python(3(\.\d+)?)?")
_SECOND = 1_000_000_000


@rule(
    "QK-IMG-008",
    title="Labels say what it is, in which version, under which license",
    reason="What runs in a cluster is a digest; labels are how an operator and a scanner find out "
    "what that is.",
    stands_for=("hadolint DL3048", "hadolint DL3049", "hadolint DL3054", "hadolint DL3056"),
)
def labels(subject: Subject) -> Iterator[Finding]:
    found: dict[str, str] = subject.image.settings.get("Labels") or {}
    for name in _LABELS:
        if not str(found.get(_PREFIX + name, "")).strip():
            yield Finding(f"there is no label '{_PREFIX}{name}'. Set it.")
    version, licenses = found.get(f"{_PREFIX}version", ""), found.get(f"{_PREFIX}licenses", "")
    if version and not _VERSION.fullmatch(version):
        yield Finding(f"label '{_PREFIX}version' is {version!r}, no version such as '1.4.0'.")
    if licenses and not _SPDX.fullmatch(licenses):
        yield Finding(f"label '{_PREFIX}licenses' is {licenses!r}, no SPDX expression as 'MIT'.")
    for key in found:
        if not _KEY.fullmatch(key):
            yield Finding(f"label {key!r}: keys are lower-case letters, digits, '.' and '-'.")


@rule(
    "QK-IMG-009",
    title="A health check runs, by the standard library alone",
    reason="An engine restarts what is stuck only if it can tell. A check that needs a shell, curl "
    "or a package of the application fails for reasons that are not the service's.",
    stands_for=("CIS Docker 4.6", "Dockle CIS-DI-0006", "hadolint DL3057"),
)
def health_check(subject: Subject) -> Iterator[Finding]:
    check: dict[str, Any] = subject.image.settings.get("Healthcheck") or {}
    test = check.get("Test") or []
    if not test or test[0] == "NONE":
        if subject.profile == "service":
            yield Finding(
                "there is no health check. Set 'Healthcheck', in exec form; or say "
                '`profile="worker"` of a program that serves no one.'
            )
        return
    if test[0] != "CMD" or len(test) < 3:
        yield Finding(f"the health check is {test!r}: write it in exec form, with an argument.")
        return
    program = posixpath.basename(test[1])
    if not _PYTHON.fullmatch(program):
        yield Finding(f"the health check starts {test[1]!r}: start the image's python.")
    else:
        for module in _imports(list(test[2:])):
            if module not in sys.stdlib_module_names:
                yield Finding(
                    f"the health check needs {module!r}, which is not of the standard library."
                )
    interval, timeout = check.get("Interval") or 30 * _SECOND, check.get("Timeout") or 30 * _SECOND
    if timeout > interval:
        yield Finding(
            f"the health check may take {timeout / _SECOND:g} s but starts every "
            f"{interval / _SECOND:g} s. Make 'Timeout' the shorter one."
        )


def _imports(arguments: list[str]) -> list[str]:
    """Top-level modules that `python ARGUMENTS` loads by name; the whole where that is unclear."""
    if arguments[0] == "-m" and len(arguments) > 1:
        return [arguments[1].partition(".")[0]]
    if arguments[0] != "-c" or len(arguments) < 2:
        return [arguments[0]]
    try:
        tree = ast.parse(arguments[1])
    except SyntaxError:
        return [arguments[1]]
    found: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [name.name.partition(".")[0] for name in node.names]
        elif isinstance(node, ast.ImportFrom):
            found.append((node.module or "").partition(".")[0])
    return sorted(set(found))


@rule(
    "QK-IMG-010",
    title="The stop signal is named, and can be handled",
    reason="On SIGTERM the servers finish the requests in flight. SIGKILL cuts them off, and what "
    "an engine sends when nothing is named is its own choice.",
)
def stop_signal(subject: Subject) -> Iterator[Finding]:
    signal = subject.image.settings.get("StopSignal")
    if signal is None and subject.profile == "command":
        return
    if str(signal) not in _ENDING:
        yield Finding(
            f"'StopSignal' is {signal!r}: name one that ends a program in order, SIGTERM."
        )


@rule(
    "QK-IMG-011",
    title="Command and entry point are in exec form",
    reason="A shell in front of the program gets the stop signal in its place and does not pass it "
    "on; after the grace period everything is killed.",
    stands_for=("hadolint DL3025",),
)
def exec_form(subject: Subject) -> Iterator[Finding]:
    started: list[str] = []
    for key in ("Entrypoint", "Cmd"):
        value = subject.image.settings.get(key) or []
        if not isinstance(value, list):
            yield Finding(f"{key!r} is {value!r}: write a list, a program and its arguments.")
            return
        started += value
    if not started:
        yield Finding("there is neither 'Entrypoint' nor 'Cmd'. Say what runs.")
    elif posixpath.basename(started[0]) in _SHELLS and "-c" in started[1:]:
        yield Finding(f"{started!r} starts a shell. Start the program itself.")


@rule(
    "QK-IMG-012",
    title="Ports are exposed that the user may open",
    reason="What is exposed is what an operator publishes and a firewall lets through. Below 1024 "
    "a user that is not root may not listen everywhere; 22 means a login in the container.",
    stands_for=(
        "CIS Docker, section 5: privileged ports are not mapped, no sshd in containers",
        "hadolint DL3011",
    ),
)
def ports(subject: Subject) -> Iterator[Finding]:
    exposed = sorted(subject.image.settings.get("ExposedPorts") or {})
    if not exposed and subject.profile == "service":
        yield Finding(
            "no port is exposed. Name the one that the service listens on; or say "
            '`profile="worker"` of a program that listens on none.'
        )
    for port in exposed:
        number, _, protocol = port.partition("/")
        if protocol not in {"", "tcp", "udp", "sctp"} or not number.isdigit():
            yield Finding(f"port {port!r} is not written as '8000/tcp'.")
        elif not 1024 <= int(number) <= 65535:
            yield Finding(f"port {port!r} is not from 1024 to 65535.")


@rule(
    "QK-IMG-017",
    title="The time zone is set, and its data are there",
    reason="Without the data Python and the C library fall back to UTC and say nothing: records "
    "get other times in the container than in tests.",
)
def time_zone(subject: Subject) -> Iterator[Finding]:
    zone = subject.image.environment.get("TZ", "")
    if not zone:
        yield Finding("'Env' does not set TZ. Set it, 'UTC' if it is to be that.")
    elif subject.image.resolve(f"usr/share/zoneinfo/{zone.lstrip(':')}") is None:
        yield Finding(f"TZ is {zone!r}, but there is no /usr/share/zoneinfo/{zone}.")
    local = subject.image.files.get("etc/localtime")
    if local is None or subject.image.resolve("etc/localtime") is None:
        yield Finding("is not there, or links to what is not there.", "etc/localtime")
    elif zone and local.kind == "symlink" and not local.info.linkname.endswith(f"/{zone}"):
        yield Finding(f"links to {local.info.linkname}, but TZ is {zone!r}.", "etc/localtime")


@rule(
    "QK-IMG-019",
    title="The working directory is there",
    reason="Engines make a missing one, empty and as root: the program is not found in it.",
    stands_for=("hadolint DL3000",),
)
def working_directory(subject: Subject) -> Iterator[Finding]:
    path = str(subject.image.settings.get("WorkingDir") or "")
    if not path.startswith("/") or path == "/":
        yield Finding(f"'WorkingDir' is {path!r}: name the directory of the program, e.g. '/app'.")
        return
    entry = subject.image.resolve(path)
    if entry is None or entry.kind != "directory":
        yield Finding("is 'WorkingDir', but no directory of the image.", path.strip("/"))


RULES = (
    labels,
    health_check,
    stop_signal,
    exec_form,
    ports,
    time_zone,
    working_directory,
)
