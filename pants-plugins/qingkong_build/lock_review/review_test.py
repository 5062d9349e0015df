from __future__ import annotations

import dataclasses
import json

import pytest
from pants.util.frozendict import FrozenDict

from qingkong_build.lock_review.review import (
    AuditAnswer,
    LockPair,
    installed,
    installed_before,
    no_lock,
    read_audit,
)
from qingkong_build.python_lock.errors import LockfileError
from qingkong_build.python_lock.lock_graph import LockGraph, parse
from qingkong_build.python_lock.target_platform import TargetPlatform

PLATFORM = TargetPlatform("linux/amd64", (3, 12), (2, 36))


def lock(versions: dict[str, str], *roots: str) -> LockGraph:
    return dataclasses.replace(
        no_lock("prod.lock"),
        roots=tuple(map(parse, roots)),
        versions=FrozenDict(versions),
        requires=FrozenDict(dict.fromkeys(versions, ())),
    )


def test_what_images_install() -> None:
    graph = lock({"web": "1.0", "mac": "2.0"}, "web", "mac; sys_platform == 'darwin'")
    assert installed(graph, PLATFORM) == {"web": "1.0"}
    assert installed_before(graph, PLATFORM) == {"web": "1.0"}


def test_an_old_lockfile_that_lacks_something_can_be_compared_with() -> None:
    broken = lock({"web": "1.0"}, "web", "gone")
    with pytest.raises(LockfileError, match="'gone'"):
        installed(broken, PLATFORM)
    assert installed_before(broken, PLATFORM) == {"web": "1.0"}


def test_which_vulnerabilities_are_new() -> None:
    found = [
        {"name": name, "version": "1.0", "id": "PYSEC-1", "aliases": ["CVE-2"], "fixed_in": ["2"]}
        # As it answers for two resolves.
        for name in ("web", "kept", "web")
    ]
    answer = AuditAnswer(json.dumps({"found": found, "unknown": ["b", "a", "b"], "error": ""}))
    old, new = lock({"kept": "1.0", "web": "0.9"}), lock({"kept": "1.0", "web": "1.0"})
    audit = read_audit(answer, [LockPair("prod", old, new)], 4)
    assert [(one.name, one.is_new) for one in audit.found] == [("kept", False), ("web", True)]
    assert audit.found[0].ids == ("PYSEC-1", "CVE-2")
    assert audit.unknown == ("a", "b")
