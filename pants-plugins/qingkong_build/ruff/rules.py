"""Runs ruff: one process for each goal and batch of files."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pants.backend.python.target_types import PythonSourceField
from pants.backend.python.util_rules import pex
from pants.backend.python.util_rules.pex import PexRequest, VenvPex, VenvPexProcess
from pants.core.goals.fix import FixResult, FixTargetsRequest
from pants.core.goals.fmt import FmtResult, FmtTargetsRequest
from pants.core.goals.lint import LintResult, LintTargetsRequest
from pants.core.util_rules.config_files import ConfigFiles, ConfigFilesRequest
from pants.core.util_rules.partitions import PartitionerType
from pants.core.util_rules.source_files import SourceFiles, SourceFilesRequest
from pants.engine.fs import Digest, MergeDigests, Snapshot
from pants.engine.process import FallibleProcessResult
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.engine.target import FieldSet, Target
from pants.util.logging import LogLevel
from pants.util.meta import classproperty
from pants.util.strutil import pluralize

from qingkong_build.ruff.skip_field import SkipRuffField
from qingkong_build.ruff.subsystem import Ruff


@dataclass(frozen=True)
class RuffFieldSet(FieldSet):
    required_fields = (PythonSourceField,)

    source: PythonSourceField

    @classmethod
    def opt_out(cls, tgt: Target) -> bool:
        return bool(tgt.get(SkipRuffField).value)


class RuffLintRequest(LintTargetsRequest):
    field_set_type = RuffFieldSet
    tool_subsystem = Ruff  # type: ignore[assignment] # its `skip` is an option, not a plain bool
    partitioner_type = PartitionerType.DEFAULT_SINGLE_PARTITION

    @classproperty
    def tool_name(self) -> str:
        return "ruff check"


class RuffFixRequest(FixTargetsRequest):
    field_set_type = RuffFieldSet
    tool_subsystem = Ruff  # type: ignore[assignment] # its `skip` is an option, not a plain bool
    partitioner_type = PartitionerType.DEFAULT_SINGLE_PARTITION

    @classproperty
    def tool_name(self) -> str:
        return "ruff check --fix"


class RuffFmtRequest(FmtTargetsRequest):
    field_set_type = RuffFieldSet
    tool_subsystem = Ruff  # type: ignore[assignment] # its `skip` is an option, not a plain bool
    partitioner_type = PartitionerType.DEFAULT_SINGLE_PARTITION

    @classproperty
    def tool_name(self) -> str:
        return "ruff format"


@dataclass(frozen=True)
class RunRuffRequest:
    """Run `ruff` with the leading arguments `command` on the files of `snapshot`."""

    snapshot: Snapshot
    command: tuple[str, ...]
    # What the subcommand understands of `[ruff].args`.
    takes_args: bool


@rule(level=LogLevel.DEBUG)
async def run_ruff(request: RunRuffRequest, ruff: Ruff) -> FallibleProcessResult:
    ruff_pex, config_files = await MultiGet(
        Get(VenvPex, PexRequest, ruff.to_pex_request()),
        Get(ConfigFiles, ConfigFilesRequest, ruff.config_request(request.snapshot.dirs)),
    )
    inputs = await Get(
        Digest, MergeDigests((request.snapshot.digest, config_files.snapshot.digest))
    )
    return await Get(
        FallibleProcessResult,
        VenvPexProcess(
            ruff_pex,
            argv=(
                *request.command,
                # The sandbox is thrown away, and its files have no times to compare.
                "--no-cache",
                # Files are named one by one; what the configuration excludes stays excluded.
                "--force-exclude",
                *((f"--config={ruff.config}",) if ruff.config else ()),
                *(ruff.args if request.takes_args else ()),
                *request.snapshot.files,
            ),
            input_digest=inputs,
            output_files=request.snapshot.files,
            description=(
                f"Run ruff {' '.join(request.command)} on "
                f"{pluralize(len(request.snapshot.files), 'file')}."
            ),
            level=LogLevel.DEBUG,
        ),
    )


@rule(desc="Lint with ruff", level=LogLevel.DEBUG)
async def ruff_lint(request: RuffLintRequest.Batch[RuffFieldSet, Any]) -> LintResult:
    sources = await Get(
        SourceFiles, SourceFilesRequest(field_set.source for field_set in request.elements)
    )
    result = await Get(
        FallibleProcessResult, RunRuffRequest(sources.snapshot, ("check",), takes_args=True)
    )
    return LintResult.create(request, result, strip_chroot_path=True)


@rule(desc="Fix with ruff", level=LogLevel.DEBUG)
async def ruff_fix(request: RuffFixRequest.Batch) -> FixResult:
    result = await Get(
        FallibleProcessResult,
        # What cannot be fixed is for `pants lint` to report; an error here would discard the fixes.
        RunRuffRequest(request.snapshot, ("check", "--fix", "--exit-zero"), takes_args=True),
    )
    return await FixResult.create(request, result, strip_chroot_path=True)


@rule(desc="Format with ruff", level=LogLevel.DEBUG)
async def ruff_fmt(request: RuffFmtRequest.Batch) -> FmtResult:
    result = await Get(
        FallibleProcessResult, RunRuffRequest(request.snapshot, ("format",), takes_args=False)
    )
    return await FmtResult.create(request, result, strip_chroot_path=True)


def rules() -> Iterable[object]:
    return (
        *collect_rules(),
        *RuffLintRequest.rules(),
        *RuffFixRequest.rules(),
        *RuffFmtRequest.rules(),
        *pex.rules(),
    )
