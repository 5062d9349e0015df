from __future__ import annotations

import dataclasses

from qingkong_build.lock_review.changes import Change, LockChanges
from qingkong_build.lock_review.report import audit_line, report
from qingkong_build.lock_review.review import (
    Audit,
    LockReview,
    Shipped,
    ShippedChange,
    Vulnerability,
    WheelFacts,
)
from qingkong_build.python_lock.target_platform import TargetPlatform

PLATFORM = TargetPlatform("linux/amd64", (3, 12), (2, 36))
WEB, OLD_LIB, LIB = (
    Change("web", "1.0", "1.1"),
    Change("lib", "2.0", None),
    Change("lib2", None, "1"),
)
LOCK = LockChanges("prod", "3rdparty/prod.lock", (OLD_LIB, LIB, WEB), ())
SHIPPED = Shipped(
    "prod",
    PLATFORM,
    (
        ShippedChange(OLD_LIB, WheelFacts(3_000_000, 9_000_000, "MIT"), None),
        ShippedChange(LIB, None, WheelFacts(2000, 4000, "MIT")),
        ShippedChange(WEB, WheelFacts(1000, 3000, "MIT"), WheelFacts(1500, 3500, "MIT")),
    ),
    7,
)
CLEAN = Audit(9, (), (), "")
REVIEW = LockReview((LOCK,), (SHIPPED,), CLEAN)


def decisions(review: LockReview, *allowed: str) -> tuple[str, ...]:
    return report(review, "main (abc)", allowed).decisions


def test_the_whole_text() -> None:
    made = report(REVIEW, "main (abc)", ["MIT"])
    assert (
        "\n".join(made.lines)
        == """\
Lockfiles that differ from main (abc):

prod (3rdparty/prod.lock): 1 upgraded, 1 added, 1 removed
  upgraded  web   1.0 -> 1.1
  added     lib2  1
  removed   lib   2.0

Images of prod (linux/amd64): 3 of 7 wheels differ
  distribution  version       wheel             unpacked          license
  lib           2.0, removed  3.0 MB            9.0 MB            MIT
  lib2          1             2.0 kB            4.0 kB            MIT
  web           1.0 -> 1.1    1.0 kB -> 1.5 kB  3.0 kB -> 3.5 kB  MIT
  all                         -3.0 MB           -9.0 MB

Known vulnerabilities: 0 in 9 distributions
Nothing here needs a person."""
    )
    assert made.decisions == ()


def test_nothing_differs() -> None:
    made = report(LockReview((), (), CLEAN), "main (abc)", [])
    assert made.lines == ("No lockfile differs from main (abc).",)
    assert made.decisions == ()


def test_a_new_license() -> None:
    (line,) = decisions(REVIEW)
    # That of `web` was there before.
    for part in ("license of lib2 1", "'MIT'", "[review-lockfiles].licenses", "Fix: "):
        assert part in line
    other = dataclasses.replace(SHIPPED.changes[2], new=WheelFacts(1, 1, "GPL-3.0-only"))
    changed = LockReview((LOCK,), (dataclasses.replace(SHIPPED, changes=(other,)),), CLEAN)
    (line,) = decisions(changed, "MIT")
    assert "license of web 1.1: 'GPL-3.0-only'" in line
    assert "MIT -> GPL-3.0-only" in "\n".join(report(changed, "main", ["MIT"]).lines)


def test_a_known_vulnerability() -> None:
    bad = Vulnerability("web", "1.1", ("PYSEC-1", "CVE-1"), ("1.2", "2.0"), True)
    old = Vulnerability("kept", "1.0", ("PYSEC-2",), (), False)
    audit = Audit(9, (bad, old), (), "")
    first, second = decisions(LockReview((LOCK,), (SHIPPED,), audit), "MIT")
    assert first == "known vulnerability of web 1.1: PYSEC-1, CVE-1. Fix: require web>=1.2"
    assert second == (
        "known vulnerability of kept 1.0, as before: PYSEC-2. Fix: no release fixes it yet"
    )
    assert audit_line(audit) == "Known vulnerabilities: 2 in 9 distributions"


def test_a_replaced_file() -> None:
    lock = dataclasses.replace(LOCK, replaced=("web-1.0-py3-none-any.whl",))
    (line,) = decisions(LockReview((lock,), (), CLEAN))
    assert line.startswith("3rdparty/prod.lock: web-1.0-py3-none-any.whl has another sha256")
    assert "Fix: " in line


def test_no_answer_is_not_taken_for_a_good_one() -> None:
    failed = audit_line(Audit(2, (), (), "connection refused"))
    unknown = audit_line(Audit(2, (), ("lib", "web"), ""))
    for line in (failed, unknown):
        assert line.startswith("Known vulnerabilities: not looked for: ")
        assert "Fix: " in line
    assert "connection refused" in failed
    assert "any of 2 distributions" in unknown
    names = tuple(f"lib{number}" for number in range(7))
    some = audit_line(Audit(9, (), names, ""))
    assert "0 in 2 distributions" in some
    assert "lib0, lib1, lib2, lib3, lib4 and 2 more" in some
