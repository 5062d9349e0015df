"""What a change costs in a repository of a number of apps, with a daemon that is warm."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from measuring.clone import Clone, clone
from measuring.commands import run
from scale.daemon import Usage, usage
from scale.repository import app_name, grow

_EDITED = app_name(1)
_SERVICE = f"services/{_EDITED}:oci"
_CHANGED = ("--changed-since=HEAD", "--changed-dependents=transitive", "list")


@dataclass(frozen=True)
class Row:
    """A command, whether an app is edited before it, and whether its processes count."""

    words: Sequence[str]
    edits: bool = False
    processes: bool = True


ROWS = {
    "list ::": Row(("list", "::")),
    "package deploy:oci, nothing changed": Row(("package", "deploy:oci")),
    "one app edited, package its service": Row(("package", _SERVICE), edits=True),
    "one app edited, its tests, without their own time": Row(
        ("test", f"src/apps/{_EDITED}::"), edits=True, processes=False
    ),
    "one app edited, --changed-dependents": Row(_CHANGED, edits=True),
}
#: Of the row that asks for the dependencies of all targets, which comes after the others.
ALL_DEPENDENCIES = "one app edited, --changed-dependents"
#: In place of a daemon that has ended.
_ENDED = Usage(process=0, own=0.0, children=0.0, memory=0)


@dataclass
class Size:
    """What was measured with a number of apps.

    `seconds` are of the processor, the median of the rounds; `first` the wall seconds of what a
    new daemon does once; `memory` gigabytes, before and after the row of all dependencies;
    `restarts` how often the daemon ended.
    """

    apps: int
    seconds: dict[str, float] = field(default_factory=dict)
    first: dict[str, float] = field(default_factory=dict)
    memory: list[float] = field(default_factory=list)
    restarts: int = 0


@dataclass
class _Repository:
    """A clone with its daemon: `count` numbers the edits, `daemons` are those that it had."""

    tree: Clone
    count: Iterator[int] = field(default_factory=itertools.count)
    daemons: set[int] = field(default_factory=set)

    def run(self, words: Sequence[str]) -> float:
        """Wall seconds of a command."""
        command = ["./pants", "--no-dynamic-ui", *words]
        seconds = run(command, self.tree.root, self.tree.variables).seconds
        self.daemons |= {self.used().process} - {_ENDED.process}
        return seconds

    def edit(self) -> None:
        file = self.tree.root / "src/apps" / _EDITED / "views.py"
        with file.open("a", encoding="utf-8") as stream:
            stream.write(f"# Edit {next(self.count)}\n")

    def used(self) -> Usage:
        return usage(self.tree.root) or _ENDED


@contextmanager
def repository(root: Path, folder: Path, apps: int) -> Iterator[_Repository]:
    """A clone of `root` with this many apps more, as committed."""
    tree = clone(root, folder)
    grow(tree.root, apps)
    if not (tree.root / ".git").exists():
        run(["git", "init", "--quiet"], tree.root, tree.variables)
    identity = ("-c", "user.name=benchmark", "-c", "user.email=benchmark@example.com")
    run(["git", "add", "--all"], tree.root, tree.variables)
    message = ("commit", "--quiet", f"--message={apps} apps")
    run(["git", *identity, *message], tree.root, tree.variables)
    try:
        yield _Repository(tree)
    finally:
        tree.stop()


def measure(
    root: Path, folder: Path, apps: int, rounds: int, progress: Callable[[str], None]
) -> Size:
    """Measure all rows in a clone below `folder`.

    Raises:
        CommandError: a command failed.
    """
    size = Size(apps)
    with repository(root, folder / f"apps-{apps}", apps) as repo:
        quick = {name: row for name, row in ROWS.items() if name != ALL_DEPENDENCIES}
        for name, row in quick.items():
            size.first[name] = repo.run(row.words)
            progress(f"{apps} apps, first: {name}, {size.first[name]:.1f} s")
        _measure_rows(repo, size, quick, rounds, progress)
        size.memory.append(repo.used().memory / 1e9)
        repo.edit()
        size.first[ALL_DEPENDENCIES] = repo.run(ROWS[ALL_DEPENDENCIES].words)
        progress(f"{apps} apps, first: {ALL_DEPENDENCIES}, {size.first[ALL_DEPENDENCIES]:.1f} s")
        _measure_rows(repo, size, {ALL_DEPENDENCIES: ROWS[ALL_DEPENDENCIES]}, rounds, progress)
        size.memory.append(repo.used().memory / 1e9)
        size.restarts = len(repo.daemons) - 1
    return size


def _measure_rows(
    repo: _Repository,
    size: Size,
    rows: dict[str, Row],
    rounds: int,
    progress: Callable[[str], None],
) -> None:
    values: dict[str, list[float]] = {name: [] for name in rows}
    for _ in range(rounds):
        for name, row in rows.items():
            if row.edits:
                repo.edit()
            before = repo.used()
            repo.run(row.words)
            after = repo.used()
            if after.process != before.process:
                before = _ENDED
            taken = after.own - before.own
            if row.processes:
                taken += after.children - before.children
            values[name].append(taken)
            progress(f"{size.apps} apps: {name}, {taken:.2f} s of the processor")
    size.seconds.update({name: median(each) for name, each in values.items()})
