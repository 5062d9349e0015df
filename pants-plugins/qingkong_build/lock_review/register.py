"""Registers the goal `review-lockfiles`: what changed in lockfiles, for people and for CI."""

from __future__ import annotations

from collections.abc import Iterable

from pants.vcs import git

from qingkong_build.lock_review import goal, review, stale, subsystem
from qingkong_build.python_lock import subsystem as closure_subsystem


def rules() -> Iterable[object]:
    return (
        *closure_subsystem.rules(),
        *git.rules(),
        *goal.rules(),
        *review.rules(),
        *stale.rules(),
        *subsystem.rules(),
    )
