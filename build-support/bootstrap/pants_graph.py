"""What a run of a daemon does not ask its graph again, how much it asks at once, and what it frees.

Pants evaluates all BUILD files in each run. The rule that does it takes the values of the run, for
variables that a BUILD file may ask for by `env()`; and those are others each time. And it asks for
the dependencies of all targets at once, each of which takes some 11 KB for each rule under way:
gigabytes in a large repository, which end the daemon. What a run needed and freed stays with the
process besides, as the C library keeps it.
"""

from __future__ import annotations

import ctypes
import dataclasses
import functools
import os
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pants.backend.project_info import dependents
from pants.bin.daemon_pants_runner import DaemonPantsRunner
from pants.engine.env_vars import CompleteEnvironmentVars
from pants.engine.fs import DigestContents, PathGlobs
from pants.engine.internals import build_files
from pants.engine.internals.parser import BuildFilePreludeSymbols
from pants.engine.internals.selectors import AwaitableConstraints, Get, MultiGet
from pants.engine.internals.session import SessionValues
from pants.engine.rules import TaskRule, collect_rules, rule

#: How many targets are asked for their dependencies at once.
PART = 200
#: Bytes of resident memory from which on a run's end gives back what it freed: taking it again
#: costs the next one some time.
FREE_FROM = 2 * 2**30


@dataclass(frozen=True)
class RunVariablesRequest:
    """Ask for these variables, as `env()` names them."""

    names: tuple[str, ...]


@dataclass(frozen=True)
class RunVariables:
    """What the command was started with, of what was asked for: equal for two runs where it is."""

    variables: CompleteEnvironmentVars


@rule
async def run_variables(request: RunVariablesRequest, session: SessionValues) -> RunVariables:
    found = session[CompleteEnvironmentVars].get_subset(request.names)
    return RunVariables(CompleteEnvironmentVars(found))


def keep_build_files() -> None:
    """Evaluate a BUILD file again only where it, one above it, a prelude or a variable changed."""
    rules: Any = build_files.rules
    vars(build_files)["rules"] = lambda: (
        *(_without_session(each) for each in rules()),
        *collect_rules({"run_variables": run_variables}),
    )


def _function(decorated: Any) -> Any:
    """Of a rule, as it was written."""
    return decorated.rule.func


def _without_session(each: Any) -> Any:
    """The same rule; of the one that evaluates BUILD files, one that takes no values of the run."""
    original = _function(build_files.parse_address_family)
    if not isinstance(each, TaskRule) or each.func is not original:
        return each
    selectors = list(each.input_selectors)
    session = selectors.index(SessionValues)
    options = selectors.index(build_files.BuildFileOptions)
    directory = selectors.index(build_files.AddressFamilyDir)
    prelude = selectors.index(BuildFilePreludeSymbols)

    # What is asked for here is in the graph already, or will be: the rule asks for it again.
    @functools.wraps(original)
    async def parse_address_family(*inputs: Any) -> Any:
        patterns, path = inputs[options], inputs[directory].path
        files = await Get(
            DigestContents,
            PathGlobs(
                (
                    *(os.path.join(path, pattern) for pattern in patterns.patterns),
                    *(f"!{pattern}" for pattern in patterns.ignores),
                )
            ),
        )
        names = set(inputs[prelude].referenced_env_vars)
        for file in files:
            if b"env" in file.content:
                names.update(build_files.BUILDFileEnvVarExtractor.get_env_vars(file))
        variables = CompleteEnvironmentVars()
        if names:
            run = await Get(RunVariables, RunVariablesRequest(tuple(sorted(names))))
            variables = run.variables
        given = list(inputs)
        given.insert(session, {CompleteEnvironmentVars: variables})
        return await original(*given)

    del selectors[session]
    return dataclasses.replace(
        each,
        input_selectors=tuple(selectors),
        input_gets=(
            *each.input_gets,
            AwaitableConstraints(RunVariables, (RunVariablesRequest,), is_effect=False),
        ),
        func=parse_address_family,
    )


async def in_parts(gets: Iterable[Any]) -> tuple[Any, ...]:
    """As `MultiGet`, of any number at once."""
    asked = tuple(gets)
    results: list[Any] = []
    for start in range(0, len(asked), PART):
        results.extend(await MultiGet(asked[start : start + PART]))
    return tuple(results)


def ask_dependencies_in_parts() -> None:
    """Ask for the dependencies of all targets, of which dependents are made, part by part."""
    rules: Any = dependents.rules

    def in_each_run() -> tuple[Any, ...]:
        # Pants checks whether what a kept result was made of is as it was: of all of it at once.
        original = _function(dependents.map_addresses_to_dependents)
        return tuple(
            dataclasses.replace(each, cacheable=False)
            if isinstance(each, TaskRule) and each.func is original
            else each
            for each in rules()
        )

    vars(dependents).update(MultiGet=in_parts, rules=in_each_run)


def resident_memory() -> int:
    """Bytes of this process, on Linux, which glibc is of."""
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def free_memory_after_runs() -> None:
    """Give back what a run has freed, once it has ended. Only glibc keeps it, and can be told."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    run: Any = DaemonPantsRunner.single_daemonized_run
    if trim is None:
        return

    def run_and_free(self: Any, *arguments: Any) -> Any:
        try:
            return run(self, *arguments)
        finally:
            if resident_memory() >= FREE_FROM:
                # The client need not wait for it.
                threading.Thread(target=trim, args=(0,), daemon=True).start()

    DaemonPantsRunner.single_daemonized_run = run_and_free  # type: ignore[method-assign,assignment]
