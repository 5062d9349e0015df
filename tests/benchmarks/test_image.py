"""What the image benchmark rests on: builds that no other run helps, and starts told in phases."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from image import builder, cold_program, start, start_program, timeline
from image.builder import Record
from image.engine import Engine, find_engine
from image.imports import ALL, STANDARD, by_package, largest
from measuring.commands import CommandError

PATH = os.environ["PATH"]
IMAGE = "fastapp:latest-py3.12"
RECIPE = """\
ARG BASE_IMAGE
FROM ${BASE_IMAGE} AS first
USER 0
RUN --mount=type=cache,target=/kept \\
    test ! -e /kept/x && touch /kept/x && head -c 16 /dev/urandom | base64 > /random
FROM scratch AS none
FROM ${BASE_IMAGE}
COPY --from=first /random /random
"""


@pytest.fixture(scope="module")
def engine() -> Engine:
    """The container engine, through a client that has BuildKit."""
    return find_engine()


@pytest.fixture
def run(engine: Engine) -> Iterator[str]:
    """What no other run is called; the builder forgets it again."""
    name = secrets.token_hex(6)
    yield name
    builder.remove(engine, builder.made_by(name, builder.records(engine)))


def build(engine: Engine, folder: Path, run: str, caches: str, *, cached: bool = True) -> str:
    """Build the recipe as one of this run, and say what came out by chance."""
    folder.mkdir(exist_ok=True)
    file = folder / "Containerfile"
    file.write_text(builder.marked(RECIPE, run, caches), encoding="utf-8")
    name = f"benchmark-test-{run}:latest"
    with ExitStack() as stack:
        stack.callback(engine.remove, (name,))
        engine.build(folder, file, (name,), {"BASE_IMAGE": IMAGE}, {}, cached=cached)
        return engine.run("run", "--rm", name, "cat", "/random").output


def test_a_run_is_helped_by_itself_and_by_no_other(
    engine: Engine, run: str, tmp_path: Path
) -> None:
    """The command fails where its cache mount is not empty."""
    first = build(engine, tmp_path / "one", run, f"{run}-1")
    assert build(engine, tmp_path / "one", run, f"{run}-1") == first
    other = f"{run}b"
    try:
        second = build(engine, tmp_path / "two", other, f"{other}-1")
        assert second != first
        # From nothing once more, with a cache mount of its own.
        assert build(engine, tmp_path / "one", run, f"{run}-2", cached=False) != first
        kept = builder.records(engine)
        mine, theirs = builder.made_by(run, kept), builder.made_by(other, kept)
        assert mine
        assert theirs
        assert not mine & theirs
        builder.remove(engine, mine)
        left = {record.id for record in builder.records(engine)}
        assert not mine & left
        assert theirs <= left
    finally:
        builder.remove(engine, builder.made_by(other, builder.records(engine)))


def test_only_stages_on_the_base_are_marked() -> None:
    lines = builder.marked(RECIPE, "r1", "c1").splitlines()
    shell = 'SHELL ["/usr/bin/env", "BENCHMARK_RUN=r1", "/bin/sh", "-c"]'
    above = [lines[number - 1] for number, line in enumerate(lines) if line == shell]
    assert above == ["FROM ${BASE_IMAGE} AS first", "FROM ${BASE_IMAGE}"]
    assert "RUN --mount=type=cache,id=c1,target=/kept \\" in lines


def test_a_recipe_without_the_base() -> None:
    with pytest.raises(ValueError, match=r"no line `FROM \$\{BASE_IMAGE\}`"):
        builder.marked("FROM scratch\n", "r1", "c1")


def record(name: str, *parents: str, kind: str = "regular", text: str = "fileop") -> Record:
    return Record(name, kind, text, frozenset(parents))


def test_what_hangs_on_a_run_s_commands_is_its_own() -> None:
    kept = [
        record("base"),
        record("a", "base", text="mount / from exec /usr/bin/env BENCHMARK_RUN=r1 /bin/sh -c x"),
        record("b", "a"),
        record("c", "b"),
        record("d", "base", text="mount / from exec /usr/bin/env BENCHMARK_RUN=r11 /bin/sh -c x"),
        record("e", "d"),
    ]
    assert builder.made_by("r1", kept) == {"a", "b", "c"}


def test_contexts_of_two_builds_at_once_are_left_alone() -> None:
    before = [record("old", kind="source.local")]
    mine = [record(name, kind="source.local") for name in ("x", "y", "z")]
    assert builder.contexts(before, [*before, *mine, record("r")]) == {"x", "y", "z"}
    theirs = record("w", kind="source.local")
    assert builder.contexts(before, [*before, *mine, theirs]) == set()


def test_the_phases_of_a_start_are_all_of_it(engine: Engine) -> None:
    taken = start.turn(engine, start.Server(IMAGE, options=start.READ_ONLY))
    whole = taken.pop(start.TOTAL)
    assert sum(taken.values()) == pytest.approx(whole)
    assert all(seconds > 0 for seconds in taken.values()), taken


def test_the_program_for_starts(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    assert start_program.main(["--rounds", "1", IMAGE]) == 0
    written = capsys.readouterr().out
    for phase in (start.ENGINE, start.LOADING, start.LIFESPAN, "all", "pydantic", ALL):
        assert f"| {phase} |" in written


def test_a_container_that_ends(engine: Engine) -> None:
    with pytest.raises(start.StartError, match=r"has ended, or has no address.*\nno server here"):
        start.turn(engine, start.Server(IMAGE, ("echo", "no server here")))


def test_a_server_that_says_nothing() -> None:
    with pytest.raises(start.StartError, match="did not say how it came up:\n2026-"):
        start.moments("2026-01-01T00:00:00.5Z INFO Started server process [1]\n")


def test_imports_are_those_of_packages() -> None:
    told = (
        "import time: self [us] | cumulative | imported package\n"
        "import time:      1000 |       3000 | json\n"
        "import time:       500 |        500 |   json.decoder\n"
        "2026 INFO import time: 7\n"
        "import time:      4000 |       4000 |   fastapi.routing\n"
        "import time:      2000 |       6000 | fastapi\n"
    )
    found = by_package(told)
    assert found == pytest.approx({STANDARD: 0.0015, "fastapi": 0.006})
    assert list(largest([found])) == [ALL, "fastapi", STANDARD]


def test_stages_are_told_by_their_own_messages(tmp_path: Path) -> None:
    script = (
        "./pants: setting up Pants in /x/pants-1 (once): 2.0 s",
        "10:00:00.00 [INFO] Initializing scheduler...",
        "10:00:00.00 [INFO] Scheduler initialized.",
        "10:00:00.00 [INFO] Starting: Download a-1.whl",
        "10:00:00.00 [INFO] Starting: Compile",
        "10:00:00.00 [INFO] Completed: Download a-1.whl",
        "10:00:00.00 [INFO] Starting: what never ends",
        "10:00:00.00 [INFO] Completed: Compile",
        "Wrote dist/x",
    )
    lines = [(3.0 + 0.5 * number, line) for number, line in enumerate(script)]
    found = timeline.spans(lines)
    assert [(each.name, each.start, each.end) for each in found] == [
        ("setting up Pants", 1.0, 3.0),
        ("load the plugins and their rules", 3.5, 4.0),
        ("Download a-1.whl", 4.5, 5.5),
        ("Compile", 5.0, 6.5),
    ]
    assert cold_program.write(tmp_path, lines) == lines[-1][0]
    page = (tmp_path / "image.md").read_text(encoding="utf-8")
    assert "7.0 s, with 4 stages" in page
    assert "longest time without a line of output is 3.0 s, after 0 s" in page
    assert "Compile" in (tmp_path / "image-cold.svg").read_text(encoding="utf-8")


def test_a_command_is_recorded_as_it_writes(tmp_path: Path) -> None:
    lines = timeline.record(["sh", "-c", "echo one >&2; echo two >&2"], tmp_path, {"PATH": PATH})
    assert [text for _, text in lines] == ["one", "two", ""]
    assert [moment for moment, _ in lines] == sorted(moment for moment, _ in lines)
    with pytest.raises(CommandError, match="exited 3:\nbecause"):
        timeline.record(["sh", "-c", "echo because >&2; exit 3"], tmp_path, {"PATH": PATH})
