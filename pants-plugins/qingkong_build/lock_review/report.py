"""The text of a review, and whether a person has to decide."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from qingkong_build.lock_review.changes import Change, LockChanges, is_allowed
from qingkong_build.lock_review.review import Audit, LockReview, Shipped, ShippedChange, WheelFacts

_KINDS = ("upgraded", "downgraded", "changed", "added", "removed")
# More of them than people read; their number says it, too.
_SHOWN = 5
_OTHER_DATABASE = (
    "run it where the database of the public index answers, or name another: "
    "--pip-audit-args='--vulnerability-service=osv'"
)


@dataclass(frozen=True)
class Report:
    """`decisions` are what a person has to decide about; none where there is nothing."""

    lines: tuple[str, ...]
    decisions: tuple[str, ...]


def size(number: int) -> str:
    """Bytes for people: decimal units."""
    if abs(number) < 999_950:
        return f"{number / 1000:.1f} kB"
    return f"{number / 1_000_000:.1f} MB"


def signed_size(number: int) -> str:
    """The same of a difference."""
    return size(number) if number < 0 else f"+{size(number)}"


def listed(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Columns as wide as they have to be; the last as wide as it is."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths)]
        yield "  " + "  ".join([*cells, row[-1]]).rstrip()


def versions(change: Change) -> str:
    """`1.0 -> 1.1`, or the one that there is."""
    return " -> ".join(version for version in (change.old, change.new) if version)


def lock_lines(lock: LockChanges) -> Iterator[str]:
    """What changed in a lockfile."""
    counts = [(kind, sum(one.kind == kind for one in lock.changes)) for kind in _KINDS]
    said = ", ".join(f"{count} {kind}" for kind, count in counts if count)
    yield f"{lock.resolve} ({lock.path}): {said or 'the same versions'}"
    if lock.changes:
        ordered = sorted(lock.changes, key=lambda one: (_KINDS.index(one.kind), one.name))
        yield from table([(one.kind, one.name, versions(one)) for one in ordered])


def _pair(old: WheelFacts | None, new: WheelFacts | None, field: str) -> str:
    return " -> ".join(size(getattr(facts, field)) for facts in (old, new) if facts) or "no wheel"


def _license(one: ShippedChange) -> str:
    found = [facts.license for facts in (one.old, one.new) if facts]
    return " -> ".join(dict.fromkeys(found))


def shipped_lines(shipped: Shipped) -> Iterator[str]:
    """What that is in an image."""
    if not shipped.changes:
        yield f"Images of {shipped.resolve} ({shipped.platform.name}): no other wheel"
        return
    yield (
        f"Images of {shipped.resolve} ({shipped.platform.name}): {len(shipped.changes)} of "
        f"{shipped.count} wheels differ"
    )
    rows = [("distribution", "version", "wheel", "unpacked", "license")]
    rows += [
        (
            one.change.name,
            versions(one.change) if one.change.new else f"{one.change.old}, removed",
            _pair(one.old, one.new, "wheel_bytes"),
            _pair(one.old, one.new, "unpacked_bytes"),
            _license(one),
        )
        for one in shipped.changes
    ]
    difference = {
        field: sum(
            sign * getattr(facts, field)
            for one in shipped.changes
            for sign, facts in ((1, one.new), (-1, one.old))
            if facts
        )
        for field in ("wheel_bytes", "unpacked_bytes")
    }
    wheel, unpacked = map(signed_size, difference.values())
    rows.append(("all", "", wheel, unpacked, ""))
    yield from table(rows)


def license_decisions(shipped: Shipped, allowed: Collection[str]) -> Iterator[str]:
    """New licenses of what ships that are not allowed."""
    for one in shipped.changes:
        if one.new is None or is_allowed(one.new.license, allowed):
            continue
        if one.old is None or one.old.license != one.new.license:
            yield (
                f"license of {one.change.name} {one.change.new}: {one.new.license!r} is not in "
                "[review-lockfiles].licenses. Fix: add it there if it may ship, or hold the "
                "requirement to a release that has another"
            )


def replaced_decisions(lock: LockChanges) -> Iterator[str]:
    for file in lock.replaced:
        yield (
            f"{lock.path}: {file} has another sha256 under the same name, which an index does not "
            "do. Fix: find out who replaced it before anything installs it"
        )


def vulnerability_decisions(audit: Audit) -> Iterator[str]:
    for one in audit.found:
        fix = (
            f"require {one.name}>={one.fixed_in[0]}" if one.fixed_in else "no release fixes it yet"
        )
        age = "" if one.is_new else ", as before"
        what = f"{one.name} {one.version}{age}: {', '.join(one.ids)}"
        yield f"known vulnerability of {what}. Fix: {fix}"


def audit_line(audit: Audit) -> str:
    """How far the search for vulnerabilities came."""
    known = audit.pins - len(audit.unknown)
    reason = audit.error
    if not reason and audit.pins and not known:
        # What a mirror answers, which has the files and not what is known of them.
        reason = f"the database has nothing about any of {audit.pins} distributions"
    if reason:
        return f"Known vulnerabilities: not looked for: {reason}. Fix: {_OTHER_DATABASE}"
    line = f"Known vulnerabilities: {len(audit.found)} in {known} distributions"
    if audit.unknown:
        line += f"; the database has nothing about {listed(audit.unknown)}. Fix: {_OTHER_DATABASE}"
    return line


def report(review: LockReview, since: str, allowed: Collection[str]) -> Report:
    """What to print of a review."""
    if not review.locks:
        return Report((f"No lockfile differs from {since}.",), ())
    decisions = (
        *(line for lock in review.locks for line in replaced_decisions(lock)),
        *(line for one in review.shipped for line in license_decisions(one, allowed)),
        *vulnerability_decisions(review.audit),
    )
    lines = [f"Lockfiles that differ from {since}:"]
    for lock in review.locks:
        lines += ["", *lock_lines(lock)]
    for one in review.shipped:
        lines += ["", *shipped_lines(one)]
    lines += ["", audit_line(review.audit)]
    if decisions:
        lines += ["", "A person has to decide:", *(f"  {line}" for line in decisions)]
    else:
        lines.append("Nothing here needs a person.")
    return Report(tuple(lines), decisions)
