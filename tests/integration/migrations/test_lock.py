"""One process migrates at a time, on each database."""

from __future__ import annotations

import time

from forked import SECONDS, Started
from integration.migrations.stores import Project

SLOW = """
from tortoise import migrations
from tortoise.migrations import operations as ops
import pathlib, asyncio

async def hold(apps, schema_editor):
    folder = pathlib.Path({folder!r})
    (folder / "holding").touch()
    while not (folder / "go").exists():
        await asyncio.sleep(0.01)

class Migration(migrations.Migration):
    dependencies = [("shop", "0001_initial")]
    operations = [ops.RunPython(hold)]
"""


def test_of_several_at_once_one_does_it_and_the_others_wait(project: Project) -> None:
    project.item("name = models.CharField(max_length=50)")
    project.ok("makemigrations")
    folder = str(project.folder)
    (project.app / "migrations" / "0002_slow.py").write_text(SLOW.format(folder=folder))
    first = project.start("migrate")
    until(lambda: (project.folder / "holding").exists() or first.ended())
    others = [project.start("migrate") for _ in range(3)]
    until(lambda: all("Waiting for another process" in other.errors() for other in others))
    (project.folder / "go").touch()
    done = first.done()
    assert (done.code, done.out) == (0, "Applied shop.0001_initial\nApplied shop.0002_slow\n")
    for other in others:
        done = other.done()
        assert (done.code, done.err.count("Waiting")) == (0, 1), done.err
        assert "Applied" not in done.out


def test_several_at_once_on_an_empty_database(project: Project) -> None:
    project.item("name = models.CharField(max_length=50)")
    project.ok("makemigrations")
    started: list[Started] = [project.start("migrate") for _ in range(4)]
    done = [one.done() for one in started]
    assert [one.code for one in done] == [0] * 4, [one.err for one in done]
    assert sum("Applied shop.0001_initial" in one.out for one in done) == 1
    assert project.store.query("SELECT COUNT(*) FROM tortoise_migrations") == [(1,)]


def test_waiting_ends(project: Project) -> None:
    project.item("name = models.CharField(max_length=50)")
    project.ok("makemigrations")
    (project.app / "migrations" / "0002_slow.py").write_text(
        SLOW.format(folder=str(project.folder))
    )
    first = project.start("migrate")
    until(lambda: (project.folder / "holding").exists() or first.ended())
    refused = project.run("migrate", "--wait", "0.2")
    (project.folder / "go").touch()
    assert first.done().code == 0
    assert refused.code == 1
    for part in ("database 'default'", "another process", "--wait=0.2", "Fix:"):
        assert part in refused.err


def test_migrate_says_nothing_but_what_it_did(project: Project) -> None:
    project.item("name = models.CharField(max_length=50)")
    project.ok("makemigrations")
    assert project.run("migrate").err == ""
    again = project.run("migrate")
    assert (again.out, again.err) == ("Nothing to do.\n", "")


def until(condition: object) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + SECONDS
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.01)
