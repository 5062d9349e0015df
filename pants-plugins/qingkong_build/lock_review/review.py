"""Reviews one set of lockfiles: what changed, how large that is, under which licenses, how safe."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pants.backend.python.subsystems.setup import PythonSetup
from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.backend.python.util_rules.pex import PexRequest, VenvPex
from pants.engine.fs import CreateDigest, Digest, FileContent, MergeDigests
from pants.engine.process import Process, ProcessCacheScope, ProcessResult
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.util.frozendict import FrozenDict

from qingkong_build.downloads.network import NetworkAccess
from qingkong_build.lock_review.changes import Change, LockChanges, compare, pin_groups
from qingkong_build.lock_review.subsystem import PipAudit, ReviewLockfilesSubsystem
from qingkong_build.python_lock import locked_wheel
from qingkong_build.python_lock.errors import LockfileError
from qingkong_build.python_lock.lock_graph import Artifact, LockGraph, read_lock
from qingkong_build.python_lock.locked_wheel import Wheel, WheelRequest
from qingkong_build.python_lock.resolve_lock import ResolveLock, ResolveLockRequest
from qingkong_build.python_lock.resolve_lock import rules as lock_rules
from qingkong_build.python_lock.subsystem import ProductionClosureSubsystem
from qingkong_build.python_lock.target_platform import TargetPlatform
from qingkong_build.python_lock.wheel_choice import choose_wheel, needed
from qingkong_build.sandbox import local
from qingkong_build.sandbox.local import LocalProcess
from qingkong_build.sandbox.rules import PexScriptRequest, ScriptRequest
from qingkong_build.sandbox.script import Script

_READ_WHEELS = Script(
    "qingkong_build.lock_review",
    "read_wheels",
    uses=(Script("qingkong_build.oci.explain", "read_distributions"),),
)
_AUDIT = Script(
    "qingkong_build.lock_review",
    "audit_pins",
    uses=(Script("qingkong_build.downloads", "network_settings"),),
)


@dataclass(frozen=True)
class OldLockfile:
    """The text of a resolve's lockfile at the commit to compare with; "" if it had none."""

    resolve: str
    text: str


@dataclass(frozen=True)
class LockReviewRequest:
    """Compare with these, which differ from what the working tree has; `commit` is for errors."""

    commit: str
    old: tuple[OldLockfile, ...]


@dataclass(frozen=True)
class WheelFacts:
    """What scripts/read_wheels.py says of a wheel."""

    wheel_bytes: int
    unpacked_bytes: int
    license: str


@dataclass(frozen=True)
class ShippedChange:
    """A change of what images install. None for a side without the project, or without a wheel."""

    change: Change
    old: WheelFacts | None
    new: WheelFacts | None


@dataclass(frozen=True)
class Shipped:
    """What images of `resolve` install on `platform`: the changes, and how many projects it is."""

    resolve: str
    platform: TargetPlatform
    changes: tuple[ShippedChange, ...]
    count: int


@dataclass(frozen=True)
class Vulnerability:
    """One of a project; `is_new` where the old lockfiles did not have that version."""

    name: str
    version: str
    ids: tuple[str, ...]
    fixed_in: tuple[str, ...]
    is_new: bool


@dataclass(frozen=True)
class Audit:
    """What is known of the pins of the changed lockfiles.

    Attributes:
        unknown: projects that the database did not know.
        error: why there is no answer; "" if there is one.
    """

    pins: int
    found: tuple[Vulnerability, ...]
    unknown: tuple[str, ...]
    error: str


@dataclass(frozen=True)
class LockReview:
    """All of it, for report.py."""

    locks: tuple[LockChanges, ...]
    shipped: tuple[Shipped, ...]
    audit: Audit


@dataclass(frozen=True)
class LockPair:
    """The lockfiles of one resolve."""

    resolve: str
    old: LockGraph
    new: LockGraph


@dataclass(frozen=True)
class ShippedRequest:
    """Which wheels of `platform` differ between two lockfiles of `resolve`."""

    resolve: str
    platform: TargetPlatform
    old: LockGraph
    new: LockGraph

    __hash__ = object.__hash__


@dataclass(frozen=True)
class AuditRequest:
    """Look for vulnerabilities of groups of pins."""

    groups: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class AuditAnswer:
    """What scripts/audit_pins.py prints."""

    text: str


def no_lock(path: str) -> LockGraph:
    """That of a resolve that did not exist."""
    return LockGraph(path, (), FrozenDict(), FrozenDict(), FrozenDict())


def _wheel(graph: LockGraph, name: str, platform: TargetPlatform) -> Artifact | None:
    """The wheel that a layer would have; None where no layer could have one."""
    try:
        return choose_wheel(graph, name, platform)
    except LockfileError:
        return None


def installed(graph: LockGraph, platform: TargetPlatform) -> dict[str, str]:
    """The versions that images have. Raises `LockfileError` if the lockfile lacks one of them."""
    return {name: graph.versions[name] for name in needed(graph, platform)}


def installed_before(graph: LockGraph, platform: TargetPlatform) -> dict[str, str]:
    """The same of an old lockfile, all of it if it lacks one: it may be what is being fixed."""
    try:
        return installed(graph, platform)
    except LockfileError:
        return dict(graph.versions)


@rule(desc="Compare wheels of lockfiles")
async def compare_shipped(request: ShippedRequest, python_setup: PythonSetup) -> Shipped:
    old = installed_before(request.old, request.platform)
    new = installed(request.new, request.platform)
    changes = [
        Change(name, old.get(name), new.get(name))
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    ]
    sides = [
        (
            _wheel(request.old, one.name, request.platform) if one.old else None,
            _wheel(request.new, one.name, request.platform) if one.new else None,
        )
        for one in changes
    ]
    paths = [
        *((request.old.path, artifact) for artifact, _ in sides if artifact),
        *((request.new.path, artifact) for _, artifact in sides if artifact),
    ]
    wheels = await MultiGet(Get(Wheel, WheelRequest(artifact, path)) for path, artifact in paths)
    facts: Mapping[str, Any] = {}
    if wheels:
        digest = await Get(Digest, MergeDigests(wheel.digest for wheel in wheels))
        result = await Get(
            ProcessResult,
            ScriptRequest(
                _READ_WHEELS,
                tuple(sorted({wheel.filename for wheel in wheels})),
                "Read sizes and licenses of wheels",
                InterpreterConstraints(python_setup.interpreter_constraints),
                digest=digest,
            ),
        )
        facts = json.loads(result.stdout)

    def fact(artifact: Artifact | None) -> WheelFacts | None:
        return WheelFacts(**facts[artifact.filename]) if artifact else None

    return Shipped(
        request.resolve,
        request.platform,
        tuple(
            ShippedChange(change, fact(before), fact(after))
            for change, (before, after) in zip(changes, sides)
        ),
        len(new),
    )


@rule(desc="Look for known vulnerabilities")
async def ask_for_vulnerabilities(request: AuditRequest, pip_audit: PipAudit) -> AuditAnswer:
    pex, access = await MultiGet(
        Get(VenvPex, PexRequest, pip_audit.to_pex_request()), Get(NetworkAccess)
    )
    files = [
        FileContent(f"pins-{number}.txt", "".join(f"{pin}\n" for pin in pins).encode())
        for number, pins in enumerate(request.groups)
    ]
    process = await Get(
        Process,
        PexScriptRequest(
            _AUDIT,
            (*(file.path for file in files), "--", *pip_audit.args),
            "Look for known vulnerabilities",
            pex,
            digest=await Get(Digest, CreateDigest(files)),
            caches=access.caches,
            # What is known of the same pins is more each day.
            cache_scope=ProcessCacheScope.PER_SESSION,
        ),
    )
    result = await Get(ProcessResult, LocalProcess(process))
    return AuditAnswer(result.stdout.decode())


def _platform(
    resolve: str, options: ReviewLockfilesSubsystem, python_setup: PythonSetup
) -> TargetPlatform:
    """The platform of the images, with the newest Python that the resolve is for."""
    constraints = InterpreterConstraints(
        python_setup.resolves_to_interpreter_constraints.get(
            resolve, python_setup.interpreter_constraints
        )
    )
    versions = constraints.partition_into_major_minor_versions(
        python_setup.interpreter_versions_universe
    )
    major, minor = versions[-1].split(".")
    name, glibc = options.checked_platform()
    return TargetPlatform(name, (int(major), int(minor)), glibc)


def read_audit(answer: AuditAnswer, pairs: Iterable[LockPair], pins: int) -> Audit:
    """What an answer says, and which of it is new."""
    data = json.loads(answer.text)
    before = {item for pair in pairs for item in pair.old.versions.items()}
    found = {
        Vulnerability(
            one["name"],
            one["version"],
            (one["id"], *sorted(one["aliases"])),
            tuple(one["fixed_in"]),
            (one["name"], one["version"]) not in before,
        )
        for one in data["found"]
    }
    ordered = sorted(found, key=lambda one: (one.name, one.version, one.ids))
    return Audit(pins, tuple(ordered), tuple(sorted(set(data["unknown"]))), data["error"])


@rule(desc="Review lockfiles")
async def review(
    request: LockReviewRequest,
    options: ReviewLockfilesSubsystem,
    pip_audit: PipAudit,
    python_setup: PythonSetup,
    closure: ProductionClosureSubsystem,
) -> LockReview:
    locks = await MultiGet(Get(ResolveLock, ResolveLockRequest(old.resolve)) for old in request.old)
    pairs = []
    for old, lock in zip(request.old, locks):
        path = f"{lock.graph.path} of {request.commit}"
        graph = read_lock(path, old.text) if old.text else no_lock(path)
        pairs.append(LockPair(old.resolve, graph, lock.graph))
    shipped = await MultiGet(
        Get(
            Shipped,
            ShippedRequest(
                pair.resolve, _platform(pair.resolve, options, python_setup), pair.old, pair.new
            ),
        )
        for pair in pairs
        if pair.resolve in closure.shipped(python_setup)
    )
    groups = pin_groups([pair.new for pair in pairs])
    pins = sum(map(len, groups))
    audit = Audit(pins, (), (), "")
    if pins and not pip_audit.install_from_resolve:
        audit = Audit(pins, (), (), "[pip-audit].install_from_resolve names no resolve")
    elif pins:
        answer = await Get(AuditAnswer, AuditRequest(groups))
        audit = read_audit(answer, pairs, pins)
    changes = tuple(compare(pair.resolve, pair.old, pair.new) for pair in pairs)
    return LockReview(changes, shipped, audit)


def rules() -> Iterable[object]:
    return (*collect_rules(), *local.rules(), *lock_rules(), *locked_wheel.rules())
