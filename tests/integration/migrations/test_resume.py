"""A migration that fails half-way on MariaDB: what is reported, and how it is resumed."""

from __future__ import annotations

from integration.migrations.long_migration import LONG, write
from integration.migrations.stores import Project


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
    checked = shop.run("check", "--database", "default")
    assert checked.code == 1
    for part in ("(fastapp.E065)", "(9 of 15 operations done)", "Run 'migrate shop 0002_long'"):
        assert part in checked.err
    assert "W063" not in checked.err
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
    checked = shop.run("check", "--database", "default")
    assert checked.code == 1
    for part in (
        "(fastapp.E065) database 'default': shop.0002_long stopped half-way (1 of 6 operations ",
        "Run 'migrate shop 0001_first' first.",
    ):
        assert part in checked.err
    shop.store.query("CREATE TABLE in_the_way (i INT)")
    shop.ok("migrate", "shop", "0001", "--yes")
    assert shop.store.tables() == {"item", "kind", "old", "t"}
