"""Registers `sync-lockfiles` and `review-lockfiles`: small upgrades, and what they change."""

from __future__ import annotations

from collections.abc import Iterable

from pants.vcs import git

from qingkong_build.lock_review import goal, review, subsystem, sync
from qingkong_build.python_lock import subsystem as closure_subsystem


def rules() -> Iterable[object]:
    return (
        *closure_subsystem.rules(),
        *git.rules(),
        *goal.rules(),
        *review.rules(),
        *subsystem.rules(),
        *sync.rules(),
    )
