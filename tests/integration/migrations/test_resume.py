"""A migration that stops half-way on MariaDB goes on where it stopped."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from integration.migrations.stores import Project
from tortoise.backends.mysql import client

FIRST = """
from tortoise import fields, migrations
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import UniqueConstraint

class Migration(migrations.Migration):
    initial = True
    operations = [
        ops.CreateModel("Kind", [("id", fields.BigIntField(primary_key=True))], {"table": "kind"}),
        ops.CreateModel("Old", [("id", fields.BigIntField(primary_key=True))], {"table": "old"}),
        ops.CreateModel(
            "Item",
            [
                ("id", fields.BigIntField(primary_key=True)),
                ("name", fields.CharField(max_length=50)),
                ("size", fields.IntField(null=True)),
                ("count", fields.IntField()),
                ("kind", fields.ForeignKeyField("shop.Kind", null=True)),
            ],
            {"table": "item"},
        ),
    ]
"""
_ITEMS = "(1, 'a', NULL, 10, 1), (2, 'b', 2, 20, 2)"
ROWS = (
    "INSERT INTO kind VALUES (1), (2)",
    f"INSERT INTO item (id, name, size, count, kind_id) VALUES {_ITEMS}",
)
LONG = """
from tortoise import fields, migrations
from tortoise.indexes import Index
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import UniqueConstraint

async def insert(apps, schema_editor):
    await apps.get_model("shop.Item").create(name="from Python", size=7, count=70, new="n")

class Migration(migrations.Migration):
    dependencies = [("shop", "0001_first")]
    operations = [
        ops.CreateModel(
            "Tag",
            [
                ("id", fields.BigIntField(primary_key=True)),
                ("text", fields.CharField(max_length=20, db_index=True)),
                ("items", fields.ManyToManyField("shop.Item", through="item_tag")),
            ],
            {"table": "tag"},
        ),
        ops.AddField("Item", "new", fields.CharField(max_length=9, default="x")),
        ops.AddField(
            "Item", "other", fields.ForeignKeyField("shop.Kind", related_name="o", default=1)
        ),
        ops.AddField("Item", "indexed", fields.IntField(default=3, db_index=True)),
        ops.RunSQL("UPDATE item SET count = count + 1; UPDATE item SET count = count * 2", ""),
        ops.RunPython(insert),
        ops.AlterField("Item", "size", fields.BigIntField(default=5)),
        ops.RenameField("Item", "name", "title"),
        ops.AddIndex("Item", Index(fields=("title", "size"))),
        ops.AddConstraint("Item", UniqueConstraint(fields=("title", "count"))),
        ops.RemoveField("Item", "kind"),
        ops.RemoveConstraint("Item", fields=["title", "count"]),
        ops.RunSQL("CREATE TABLE by_hand (text VARCHAR(9) DEFAULT 'a;b')", "DROP TABLE by_hand"),
        ops.RenameModel("Old", "Young"),
        ops.DeleteModel("Young"),
    ]
"""
_WRITES = re.compile(r"\s*(INSERT|UPDATE|DELETE|CREATE|ALTER|DROP|RENAME)\b")


def write(project: Project, name: str, text: str) -> None:
    folder = project.app / "migrations"
    folder.mkdir(exist_ok=True)
    (folder / "__init__.py").touch()
    (folder / f"{name}.py").write_text(text, encoding="utf-8")


@pytest.fixture
def shop(mariadb_project: Project) -> Project:
    """A project with one applied migration, rows, and a long migration that is not applied."""
    project = mariadb_project
    project.models("class Kind(models.Model):\n    class Meta:\n        table = 'kind'\n")
    write(project, "0001_first", FIRST)
    project.ok("migrate")
    for statement in ROWS:
        project.store.query(statement)
    write(project, "0002_long", LONG)
    return project


def dump(project: Project) -> dict[str, tuple[str, list[tuple[Any, ...]]]]:
    """Definition and rows of every table."""
    found = {}
    for (name,) in project.store.query("SHOW TABLES"):
        definition = project.store.query(f"SHOW CREATE TABLE `{name}`")[0][1]
        columns = "app, name" if name == "tortoise_migrations" else "*"
        rows = project.store.query(f"SELECT {columns} FROM `{name}`")
        if name == "item":
            # A transaction that is rolled back uses a number up.
            rows = [row[1:] for row in rows]
        found[name] = (re.sub(r" AUTO_INCREMENT=\d+", "", definition), sorted(rows, key=str))
    return found


def restorer(project: Project) -> Callable[[], None]:
    """What brings the database back to the state that it has now."""
    statements = ["SET FOREIGN_KEY_CHECKS=0"]
    for (name,) in project.store.query("SHOW TABLES"):
        statements.append(project.store.query(f"SHOW CREATE TABLE `{name}`")[0][1])
    history = "VALUES ('shop', '0001_first', NOW())"
    statements += ROWS
    statements.append(f"INSERT INTO tortoise_migrations (app, name, applied_at) {history}")

    def restore() -> None:
        project.store.empty()
        project.store.query("; ".join([*statements, "SET FOREIGN_KEY_CHECKS=1"]))

    return restore


def killer(number: int, log: Path, *, wait_for_answer: bool) -> Callable[[], None]:
    """What makes a process end itself at a write: before its answer came, or after.

    Args:
        number: of the write, from 1; 0 is none.
        log: gets the first line of each write.
        wait_for_answer: whether the server has answered then.
    """

    def install() -> None:
        count = 0

        def wrap(original: Any) -> Any:
            async def run(self: Any, query: str, *values: Any) -> Any:
                nonlocal count
                if not _WRITES.match(query):
                    return await original(self, query, *values)
                count += 1
                with log.open("a") as file:
                    file.write(query.strip().splitlines()[0] + "\n")
                if count != number:
                    return await original(self, query, *values)
                if wait_for_answer:
                    await original(self, query, *values)
                else:
                    # As far as it goes without an answer: the statement is sent.
                    step = original(self, query, *values)
                    step.send(None)
                os.kill(os.getpid(), signal.SIGKILL)
                raise AssertionError

            return run

        kind: Any = client.MySQLClient
        kind.execute_script = wrap(kind.execute_script)
        kind.execute_query = wrap(kind.execute_query)
        kind.execute_insert = wrap(kind.execute_insert)

    return install


@pytest.mark.timeout(800)
def test_a_process_killed_anywhere_leaves_what_the_next_one_finishes(shop: Project) -> None:
    restore = restorer(shop)
    log = shop.folder / "writes"
    done = shop.run("migrate", "--yes", first=killer(0, log, wait_for_answer=True))
    assert done.code == 0, done.err
    expected = dump(shop)
    assert expected["fastapp_migration_progress"][1] == []
    writes = log.read_text().splitlines()
    assert len(writes) > 40
    for number, statement in enumerate(writes, start=1):
        # What is written to the journal is the moment before or after another statement, so some
        # of these are enough; all others are tried with and without their answer.
        is_journal = "fastapp_migration_progress" in statement
        if is_journal and number % 4 != 1:
            continue
        for wait_for_answer in (True,) if is_journal else (True, False):
            restore()
            where = f"write {number} ({statement}), answered: {wait_for_answer}"
            killed = shop.run(
                "migrate", "--yes", first=killer(number, log, wait_for_answer=wait_for_answer)
            )
            assert killed.code == -signal.SIGKILL, f"{where}: {killed}"
            resumed = shop.run("migrate", "--yes")
            assert resumed.code == 0, f"{where}: {resumed.err}"
            assert dump(shop) == expected, where


def test_what_failed_is_told_and_resumed(shop: Project) -> None:
    # Two rows that are alike are in the way of the tenth operation.
    shop.store.query("INSERT INTO item (name, size, count) VALUES ('a', NULL, 10)")
    failed = shop.run("migrate", "--yes")
    assert failed.code == 1
    for part in (
        "shop.0002_long",
        "operation 10 of 15",
        "Duplicate",
        "Rename field name to title",
        "Fix:",
        "operation 10",
    ):
        assert part in failed.err
    assert "[~] 0002_long (9 of 15 operations done)" in shop.ok("showmigrations")
    assert "Resume shop.0002_long (9 of 15 operations done)" in shop.ok("migrate", "--plan")
    # Nothing else is done before it.
    other = shop.run("migrate", "shop", "zero", "--yes")
    assert other.code == 1
    for part in ("shop.0002_long", "9 of 15", "Fix: run 'migrate shop 0002_long' first"):
        assert part in other.err
    shop.store.query("DELETE FROM item WHERE id = 3")
    done = shop.ok("migrate", "--yes")
    assert "Resuming shop.0002_long (9 of 15 operations done)" in done
    assert "[X] 0002_long" in shop.ok("showmigrations")
    # The statements before ran once.
    assert shop.store.query("SELECT count FROM item ORDER BY id") == [(22,), (42,), (70,)]


def test_a_file_changed_before_the_point_of_resuming(shop: Project) -> None:
    shop.store.query("INSERT INTO item (name, size, count) VALUES ('a', NULL, 10)")
    assert shop.run("migrate", "--yes").code == 1
    write(shop, "0002_long", LONG.replace("        ops.RunPython(insert),\n", ""))
    changed = shop.run("migrate", "--yes")
    assert changed.code == 1
    for part in ("shop.0002_long", "done=", "Fix:", "--fake"):
        assert part in changed.err
    shop.ok("migrate", "shop", "0002_long", "--fake")
    assert "[X] 0002_long" in shop.ok("showmigrations")
    assert shop.store.query("SELECT COUNT(*) FROM fastapp_migration_progress") == [(0,)]


def test_unapplying_is_resumed(shop: Project) -> None:
    write(
        shop,
        "0002_long",
        LONG[: LONG.index("        ops.RunSQL(")]
        + "        ops.RunSQL('CREATE TABLE t (i INT)', 'DROP TABLE in_the_way'),\n"
        + "        ops.AddIndex('Item', Index(fields=('indexed', 'new'))),\n    ]\n",
    )
    shop.ok("migrate")
    failed = shop.run("migrate", "shop", "0001", "--yes")
    assert failed.code == 1
    assert "operation 2 of 6" in failed.err
    assert "[~] 0002_long (1 of 6 operations unapplied)" in shop.ok("showmigrations")
    assert "Fix: run 'migrate shop 0001_first' first" in shop.run("migrate").err
    shop.store.query("CREATE TABLE in_the_way (i INT)")
    shop.ok("migrate", "shop", "0001", "--yes")
    assert shop.store.tables() == {"item", "kind", "old", "t"}
