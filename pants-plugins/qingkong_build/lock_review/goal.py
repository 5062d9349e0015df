"""The goal `review-lockfiles`."""

from __future__ import annotations

from collections.abc import Iterable

from pants.backend.python.subsystems.setup import PythonSetup
from pants.core.util_rules.system_binaries import GitBinaryException
from pants.engine.console import Console
from pants.engine.fs import DigestContents, PathGlobs
from pants.engine.goal import Goal
from pants.engine.rules import Get, collect_rules, goal_rule
from pants.util.strutil import softwrap
from pants.vcs.git import GitWorktree, GitWorktreeRequest, MaybeGitWorktree

from qingkong_build.lock_review.report import report
from qingkong_build.lock_review.review import LockReview, LockReviewRequest, OldLockfile
from qingkong_build.lock_review.subsystem import ReviewLockfilesSubsystem

# Neither success nor a failure of Pants.
_NEEDS_A_PERSON = 2


class ReviewLockfilesError(Exception):
    """What cannot be compared, and the fix."""


class ReviewLockfiles(Goal):
    subsystem_cls = ReviewLockfilesSubsystem
    environment_behavior = Goal.EnvironmentBehavior.LOCAL_ONLY


def git(worktree: GitWorktree, *words: str) -> str:
    """What git prints. Pants itself asks it so for `--changed-since`."""
    command = worktree._create_git_cmdline(words)
    return worktree._git_binary._invoke_unsandboxed(command)


def old_text(worktree: GitWorktree, commit: str, path: str) -> str:
    """A file of a commit; "" if it has none. Paths are those below the working directory."""
    if not git(worktree, "ls-tree", "--name-only", commit, "--", path):
        return ""
    return git(worktree, "show", f"{commit}:./{path}")


def base_commit(worktree: GitWorktree, since: str) -> str:
    """The commit where `since` and HEAD diverged."""
    try:
        return git(worktree, "merge-base", since, "HEAD")
    except GitBinaryException as error:
        raise ReviewLockfilesError(
            softwrap(
                f"""
                review-lockfiles: --since={since}: this clone lacks that commit, or the one where it
                and HEAD diverged. Fix: name one that `git log` shows, or fetch the whole history:
                git fetch --unshallow origin
                """
            )
        ) from error


@goal_rule
async def review_lockfiles(
    console: Console, options: ReviewLockfilesSubsystem, python_setup: PythonSetup
) -> ReviewLockfiles:
    maybe = await Get(MaybeGitWorktree, GitWorktreeRequest())
    worktree = maybe.git_worktree
    if worktree is None:
        raise ReviewLockfilesError(
            "review-lockfiles: this is no repository of git, so there is nothing to compare with. "
            "Fix: run it in a clone, with git on PATH"
        )
    commit = base_commit(worktree, options.since)
    new = await Get(DigestContents, PathGlobs(sorted(python_setup.resolves.values())))
    texts = {file.path: file.content.decode().strip() for file in new}
    old = tuple(
        OldLockfile(resolve, text)
        for resolve, path in python_setup.resolves.items()
        for text in (old_text(worktree, commit, path),)
        if path in texts and text != texts[path]
    )
    review = await Get(LockReview, LockReviewRequest(commit[:12], old))
    made = report(review, f"{options.since} ({commit[:12]})", options.licenses)
    for line in made.lines:
        console.print_stdout(line)
    return ReviewLockfiles(exit_code=_NEEDS_A_PERSON if made.decisions else 0)


def rules() -> Iterable[object]:
    return collect_rules()
