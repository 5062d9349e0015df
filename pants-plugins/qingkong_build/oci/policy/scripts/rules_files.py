"""What must not be among the files."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from importlib.util import MAGIC_NUMBER, source_hash

from image_view import Entry
from policy_rule import Finding, Subject, rule

_LEFTOVERS = (
    (re.compile(r"var/lib/apt/lists/(?!lock$|partial$)[^/]+"), "a package list of apt"),
    (re.compile(r"var/cache/apt/(archives/[^/]+\.deb|(src)?pkgcache\.bin)"), "a cache of apt"),
    (re.compile(r"var/cache/(apk|dnf|yum)/.+"), "a cache of the package manager"),
    (re.compile(r"(.+/)?\.cache/(pip|uv|pex|pypoetry|yarn)(/.*)?"), "a cache of an installer"),
    (re.compile(r"(.+/)?(\.npm|\.cargo/registry|go/pkg/mod)(/.*)?"), "a cache of an installer"),
    (re.compile(r"(.+/)?pip-(build|ephem|install|unpack|req-build)[^/]*(/.*)?"), "left by pip"),
    (re.compile(r"var/log/(apt|dpkg|alternatives)[^/]*(/.+|\.log)"), "a log of an installation"),
)
# Files of a working copy that no program reads.
_OF_A_CHECKOUT = re.compile(
    r"(.+/)?(\.git|\.hg|\.svn|\.idea|\.vscode|node_modules|"
    r"Dockerfile|docker-compose\.ya?ml|compose\.ya?ml|\.dockerignore|\.gitignore)(/.*)?"
)
_COMPILER = re.compile(
    r"(.+/)?s?bin/([\w.]+-linux-(gnu|musl)-)?"
    r"(gcc|g\+\+|cc|c\+\+|c89|c99|cpp|clang|clang\+\+|ld|ld\.(bfd|gold|lld)|as|make|cmake|ninja|"
    r"cython|rustc|cargo|go|gfortran)(-[\d.]+)?"
    r"|(.+/)?(cc1|cc1plus|collect2|lto1)"
)
_BYTECODE = re.compile(r"(.+/)?__pycache__(/.*)?|.+\.py[co]")
_CACHED = re.compile(r"((?:.+/)?)__pycache__/([^/]+?)\.[^/.]+\.pyc")
_UNCHECKED_HASH = (0b01).to_bytes(4, "little")
_OF_AN_ENGINE = re.compile(
    r"\.dockerenv|\.dockerinit|run/\.containerenv|(.+/)?\.wh\.\.wh\.(?!\.opq).*"
)
# An engine puts files of its own over these when a container starts.
_MOUNTED = re.compile(r"etc/(hosts|hostname|resolv\.conf|mtab)")
_DISTRIBUTION = re.compile(r"(?:.+/)?([^/]+?)-[^/-]+\.(?:dist-info|egg-info)/(?:METADATA|PKG-INFO)")


@rule(
    "QK-IMG-005",
    title="Nothing of package managers and working copies is left",
    reason="Lists, caches and logs are bytes to push and pull that no program reads; they tell "
    "where packages came from, and the cached ones are stale the next day.",
    stands_for=(
        "CIS Docker 4.3",
        "Dockle DKL-DI-0005",
        "Dockle DKL-LI-0003",
        "hadolint DL3009",
        "hadolint DL3042",
    ),
)
def no_leftovers(subject: Subject) -> Iterator[Finding]:
    for path, entry in subject.image.files.items():
        if entry.kind == "directory":
            continue
        for pattern, what in _LEFTOVERS:
            if pattern.fullmatch(path):
                yield Finding(f"is {what}. Leave it out.", path)
                break
    for entry in subject.image.added:
        # What a distribution ships is its author's, and locked by hash.
        if "/site-packages/" not in entry.path and _OF_A_CHECKOUT.fullmatch(entry.path):
            yield Finding("is of a working copy. Leave it out.", entry.path)


@rule(
    "QK-IMG-013",
    title="We add no bytecode that a clock is in",
    reason="Bytecode with the time of its source in it makes another layer for each build, and "
    "a read-only image cannot renew it. Unchecked-hash files (PEP 552) of the sources beside them "
    "are let pass: nothing writes those unless it is told to.",
)
def no_bytecode(subject: Subject) -> Iterator[Finding]:
    good: set[str] = set()
    left: list[str] = []
    for entry in subject.image.added:
        if _BYTECODE.fullmatch(entry.path):
            if entry.kind == "file" and not (wrong := _wrong_bytecode(subject, entry)):
                good.add(os.path.dirname(entry.path))
            elif entry.kind == "file" and wrong:
                yield Finding(wrong, entry.path)
            else:
                left.append(entry.path)
    for path in left:
        if path not in good:
            yield Finding("is for bytecode, and has none that may be there. Leave it out.", path)


def _wrong_bytecode(subject: Subject, entry: Entry) -> str:
    """Why bytecode may not be there; empty where it may."""
    match = _CACHED.fullmatch(entry.path)
    source = subject.image.files.get(f"{match[1]}{match[2]}.py") if match else None
    content = entry.read()
    if source is None or content[4:8] != _UNCHECKED_HASH:
        return "is bytecode, and no unchecked-hash file of a source. Leave it out."
    # Of another version of Python, the hash has another key.
    if content[:4] == MAGIC_NUMBER and content[8:16] != source_hash(source.read()):
        return f"is the bytecode of another /{source.path}. Compile it again, or leave it out."
    return ""


@rule(
    "QK-IMG-014",
    title="No distribution is for development only",
    reason="A tool in the image is code that no one chose to expose, and faults of it are faults "
    "of the image.",
    stands_for=("CIS Docker 4.3",),
)
def no_development(subject: Subject) -> Iterator[Finding]:
    for entry in subject.added_files:
        match = _DISTRIBUTION.fullmatch(entry.path)
        name = re.sub(r"[-_.]+", "-", match[1]).lower() if match else ""
        if name in subject.development:
            yield Finding(
                f"{name} is locked for development and not for production. Find what asks for it "
                f"(`pants dependents` of its requirement), or move it to production.",
                entry.path,
            )


@rule(
    "QK-IMG-015",
    title="There is no compiler",
    reason="With one, who breaks in builds their tools in the container. The whole image is looked "
    "at, its base too.",
    stands_for=("CIS Docker 4.3",),
)
def no_compiler(subject: Subject) -> Iterator[Finding]:
    for path, entry in subject.image.files.items():
        if entry.kind != "directory" and _COMPILER.fullmatch(path):
            yield Finding("is a compiler, linker or build tool. Compile elsewhere.", path)


@rule(
    "QK-IMG-016",
    title="Nothing is left by the engine that built it",
    reason="An image is the same for each engine. What one of them leaves differs from build to "
    "build, or is hidden by what the next one mounts there.",
)
def nothing_of_an_engine(subject: Subject) -> Iterator[Finding]:
    for path in subject.image.files:
        if _OF_AN_ENGINE.fullmatch(path):
            yield Finding("is left by a container engine. Leave it out.", path)
    for entry in subject.image.added:
        if _MOUNTED.fullmatch(entry.path):
            yield Finding("engines mount their own file there. Leave it out.", entry.path)
    for key in ("Hostname", "Domainname", "Image", "MacAddress", "ContainerConfig"):
        value = subject.image.settings.get(key)
        if value:
            yield Finding(f"the configuration has {key!r} = {value!r}, of a build's container.")
    for key in ("container", "container_config", "docker_version"):
        if subject.image.manifest.config.get(key):
            yield Finding(f"the configuration has {key!r}, of the engine that built it.")


RULES = (no_leftovers, no_bytecode, no_development, no_compiler, nothing_of_an_engine)
