"""The options of `review-lockfiles`, and of the program that looks for vulnerabilities."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pants.engine.goal import GoalSubsystem
from pants.engine.rules import collect_rules
from pants.option.errors import OptionsError
from pants.option.option_types import ArgsListOption, BoolOption, StrListOption, StrOption
from pants.util.strutil import softwrap

from qingkong_build.python_lock.target_platform import DEFAULT_PLATFORM, MACHINES
from qingkong_build.sandbox.requirements import ScriptRequirements


class SyncLockfilesSubsystem(GoalSubsystem):
    name = "sync-lockfiles"
    help = softwrap(
        """
        Brings lockfiles up to requirements that changed, and leaves every other version as it is.
        `generate-lockfiles` takes the newest of everything instead.
        """
    )

    resolve = StrListOption(
        help=softwrap(
            """
            Only these. By default, those whose lockfiles were made from other requirements than
            their targets have now.
            """
        ),
    )
    check = BoolOption(
        default=False,
        help="Write nothing: exit with 1 and name the lockfiles that are out of date.",
    )


class ReviewLockfilesSubsystem(GoalSubsystem):
    name = "review-lockfiles"
    help = softwrap(
        """
        Shows what changed in the lockfiles since a commit: versions, sizes of wheels, licenses, and
        known vulnerabilities. Exits with 2 if a person has to decide about it.
        """
    )

    since = StrOption(
        default="HEAD",
        help=softwrap(
            """
            The commit or branch to compare the files of the working tree with: the commit where it
            and HEAD diverged.
            """
        ),
    )
    licenses = StrListOption(
        help=softwrap(
            """
            Licenses of what ships, as `image_explanation` shows them, that no one has to be asked
            about.
            """
        ),
    )
    platform = StrOption(
        default=DEFAULT_PLATFORM, help="The platform of the images that sizes are shown of."
    )
    glibc = StrOption(default="2.36", help="The version of glibc in these images.")

    def checked_platform(self) -> tuple[str, tuple[int, int]]:
        """The platform and its glibc."""
        if self.platform not in MACHINES:
            raise OptionsError(
                f"[{self.options_scope}].platform={self.platform!r}: no such platform. Fix: one of "
                f"{', '.join(sorted(MACHINES))}"
            )
        if not re.fullmatch(r"2\.[0-9]{1,3}", self.glibc):
            raise OptionsError(
                f"[{self.options_scope}].glibc={self.glibc!r}: this is no version of glibc. Fix: "
                "write e.g. '2.36'"
            )
        major, minor = self.glibc.split(".")
        return self.platform, (int(major), int(minor))


class PipAudit(ScriptRequirements):
    options_scope = "pip-audit"
    name = "pip-audit"
    help = "Looks for known vulnerabilities of what lockfiles have (https://github.com/pypa/pip-audit)."

    default_version = "pip-audit>=2.10,<3"
    projects = ("pip-audit",)
    resolve = "audit"
    register_interpreter_constraints = True

    args = ArgsListOption(example="--vulnerability-service=osv --ignore-vuln=PYSEC-2026-1")


def rules() -> Iterable[object]:
    return collect_rules()
