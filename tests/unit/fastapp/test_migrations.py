"""The commands of migrations, on SQLite, each in a process of its own."""

from __future__ import annotations

import sqlite3
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tortoise import fields
from unit.fastapp.support import MakeApp, manage

from fastapp.db.migrations.destructive import narrowing
from fastapp.db.migrations.literals import sql_literal
from fastapp.db.migrations.statements import changes_schema, split_mysql, split_sqlite

MODELS = """
from fastapp.db import models

class Item(models.Model):
    '''Something; with a semicolon.'''
    name = models.CharField(max_length=50, description="a; b 'c'")
    {}
    class Meta:
        table = "item"
"""


@pytest.fixture
def shop(project: Path, make_app: MakeApp) -> Path:
    """A project with one app and its first migration written."""
    make_app(
        "apps.shop",
        urls="urlpatterns = []",
        models=MODELS.format("size = models.IntegerField(null=True)"),
    )
    done = manage(project, "makemigrations")
    assert done.returncode == 0, done.stderr
    assert "shop.0001_initial" in done.stdout
    return project


def columns(project: Path) -> list[str]:
    with sqlite3.connect(project / "db.sqlite3") as database:
        return [row[1] for row in database.execute("PRAGMA table_info(item)")]


def change(project: Path, body: str) -> None:
    (project / "apps" / "shop" / "models.py").write_text(MODELS.format(body), encoding="utf-8")


def test_make_show_apply_and_history(shop: Path) -> None:
    assert (shop / "apps/shop/migrations/__init__.py").exists()
    assert manage(shop, "showmigrations").stdout == "shop\n [ ] 0001_initial\n"
    plan = manage(shop, "migrate", "--plan")
    assert plan.stdout == "Apply shop.0001_initial\n"
    assert not columns(shop)
    done = manage(shop, "migrate", code="print('asyncmy' in sys.modules)")
    # The driver of MySQL is not needed on SQLite.
    assert (done.returncode, done.stdout) == (0, "Applied shop.0001_initial\nFalse\n")
    assert columns(shop) == ["id", "name", "size"]
    assert manage(shop, "migrate").stdout == "Nothing to do.\n"
    assert manage(shop, "showmigrations", "shop").stdout == "shop\n [X] 0001_initial\n"
    with sqlite3.connect(shop / "db.sqlite3") as database:
        history = database.execute("SELECT app, name FROM tortoise_migrations").fetchall()
    assert history == [("shop", "0001_initial")]


def test_nothing_to_make(shop: Path) -> None:
    assert manage(shop, "makemigrations", "--check").returncode == 0
    assert manage(shop, "makemigrations").stdout == "No changes.\n"


def test_check_and_dry_run_write_nothing(shop: Path) -> None:
    change(shop, "size = models.IntegerField(null=True); colour = models.TextField(null=True)")
    before = sorted((shop / "apps/shop/migrations").glob("*.py"))
    missing = manage(shop, "makemigrations", "--check")
    assert (missing.returncode, "0002_add_item_colour" in missing.stdout) == (1, True)
    assert manage(shop, "makemigrations", "--dry-run").returncode == 0
    assert sorted((shop / "apps/shop/migrations").glob("*.py")) == before


def test_what_loses_data_is_refused_without_yes(shop: Path) -> None:
    assert manage(shop, "migrate").returncode == 0
    with sqlite3.connect(shop / "db.sqlite3") as database:
        database.execute("INSERT INTO item (name, size) VALUES ('x', 5)")
    change(shop, "")
    made = manage(shop, "makemigrations")
    assert "! drops column Item.size: migrate will want --yes" in made.stdout
    refused = manage(shop, "migrate")
    assert refused.returncode == 3
    assert "shop.0002_remove_item_size: drops column Item.size" in refused.stderr
    assert "--yes" in refused.stderr
    assert "size" in columns(shop)
    assert "LOSES DATA: shop.0002" in manage(shop, "migrate", "--plan").stdout
    assert manage(shop, "migrate", "--yes").returncode == 0
    assert columns(shop) == ["id", "name"]


def test_going_back_is_refused_without_yes(shop: Path) -> None:
    assert manage(shop, "migrate").returncode == 0
    refused = manage(shop, "migrate", "shop", "zero")
    assert refused.returncode == 3
    assert "drops the table of Item" in refused.stderr
    done = manage(shop, "migrate", "shop", "zero", "--yes")
    assert (done.returncode, done.stdout) == (0, "Unapplied shop.0001_initial\n")
    assert not columns(shop)


def test_fake_only_records(shop: Path) -> None:
    assert manage(shop, "migrate", "--fake").returncode == 0
    assert not columns(shop)
    assert "[X] 0001_initial" in manage(shop, "showmigrations").stdout


def test_sqlmigrate(shop: Path) -> None:
    done = manage(shop, "sqlmigrate", "shop", "0001")
    assert done.returncode == 0
    assert 'CREATE TABLE "item"' in done.stdout
    assert "Something" not in done.stdout
    assert 'DROP TABLE "item"' in manage(shop, "sqlmigrate", "shop", "0001", "--backward").stdout
    assert not (shop / "db.sqlite3").exists()


def test_names_and_empty_migrations(shop: Path) -> None:
    done = manage(shop, "makemigrations", "shop", "--empty", "--name", "fill in")
    assert "shop.0002_fill_in" in done.stdout
    nothing = manage(shop, "makemigrations", "--empty")
    assert (nothing.returncode, "Fix: name it" in nothing.stderr) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (["migrate", "shp"], 2, "no installed app has the label 'shp' (known: shop). Fix: name"),
        (["migrate", "shop", "0009"], 1, "Cannot find migration '0009' in app 'shop'"),
        (["sqlmigrate", "shop", "0009"], 1, "Cannot find migration '0009' in app 'shop'"),
        (["showmigrations", "shp"], 2, "no installed app has the label 'shp'"),
    ],
)
def test_mistakes(shop: Path, arguments: list[str], code: int, expected: str) -> None:
    done = manage(shop, *arguments)
    assert done.returncode == code
    assert expected in done.stderr
    assert "Traceback" not in done.stderr


def test_an_app_without_migrations(shop: Path) -> None:
    (shop / "apps/bare").mkdir()
    (shop / "apps/bare/__init__.py").touch()
    (shop / "apps/bare/urls.py").touch()
    for command in (("migrate", "bare"), ("sqlmigrate", "bare", "0001")):
        done = manage(shop, *command)
        assert done.returncode == 1
        assert "app 'bare' has no migrations. Fix: run 'makemigrations bare'" in done.stderr


def test_a_broken_migration_names_app_and_file(shop: Path) -> None:
    (shop / "apps/shop/migrations/0002_bad.py").write_text("import no_such_package_at_all\n")
    done = manage(shop, "migrate")
    assert done.returncode == 1
    assert "app 'shop': cannot import 'apps.shop.migrations.0002_bad'" in done.stderr


def test_a_statement_that_fails_names_the_migration(shop: Path) -> None:
    with sqlite3.connect(shop / "db.sqlite3") as database:
        database.execute("CREATE TABLE item (id INTEGER)")
    done = manage(shop, "migrate")
    assert done.returncode == 1
    assert "migration shop.0001_initial of database 'default'" in done.stderr
    assert "[ ] 0001_initial" in manage(shop, "showmigrations").stdout


def test_a_database_that_is_away_is_no_empty_history(shop: Path) -> None:
    done = manage(shop, "showmigrations", QK_DATA_DIR="/dev/null/data")
    assert done.returncode == 1
    assert "database 'default' is not reachable" in done.stderr
    assert "Fix: set QK_DATA_DIR" in done.stderr
    assert ".." not in done.stderr


def test_check_names_what_is_not_applied(shop: Path) -> None:
    before = manage(shop, "check", "--database", "all")
    assert before.returncode == 0, before.stderr
    expected = "(fastapp.W063) database 'default' lacks 1 migration: shop.0001_initial\n"
    assert expected in before.stderr
    assert "migrate" in before.stderr
    assert manage(shop, "migrate").returncode == 0
    after = manage(shop, "check", "--database", "all")
    assert after.returncode == 0, after.stderr
    assert "W063" not in after.stderr


def test_check_counts_what_is_not_applied(shop: Path) -> None:
    change(
        shop, "size = models.IntegerField(null=True)\n    count = models.IntegerField(null=True)"
    )
    assert manage(shop, "makemigrations", "--name", "count").returncode == 0
    said = manage(shop, "check", "--database", "all").stderr
    assert "default' lacks 2 migrations: shop.0001_initial, shop.0002_count\n" in said


def test_check_names_a_migration_that_cannot_be_read(shop: Path) -> None:
    (shop / "apps/shop/migrations/0002_bad.py").write_text("raise ValueError", encoding="utf-8")
    done = manage(shop, "check", "--database", "all")
    assert done.returncode == 1
    for part in (
        "(fastapp.E064) database 'default'",
        "apps.shop.migrations.0002_bad",
        "HINT: Correct the migration that is named, then run check again.",
    ):
        assert part in done.stderr


def test_an_app_without_migrations_is_told(project: Path, make_app: MakeApp) -> None:
    make_app("apps.shop", urls="urlpatterns = []", models=MODELS.format(""))
    done = manage(project, "migrate")
    assert "App 'shop' has models and no migrations" in done.stderr
    assert done.stdout == "Nothing to do.\n"


def test_statements_are_not_cut_inside_strings_and_comments() -> None:
    script = "CREATE TABLE a (b TEXT DEFAULT 'x;y') /* c; d */;\n\nDROP TABLE a; ;"
    assert split_sqlite(script) == [
        "CREATE TABLE a (b TEXT DEFAULT 'x;y') /* c; d */",
        "DROP TABLE a",
    ]


def test_mysql_statements_are_not_cut_inside_strings_names_and_comments() -> None:
    script = "SET @a = 'x\\';y''z;'; ALTER TABLE `a;b` ADD c INT; -- d; e\n/* f; */ DROP TABLE g;"
    assert split_mysql(script) == [
        "SET @a = 'x\\';y''z;'",
        "ALTER TABLE `a;b` ADD c INT",
        "-- d; e\n/* f; */ DROP TABLE g",
    ]
    assert [changes_schema(statement) for statement in split_mysql(script)] == [False, True, True]


@pytest.mark.parametrize(
    ("value", "dialect", "expected"),
    [
        (None, "sqlite", "NULL"),
        (True, "postgres", "TRUE"),
        (True, "mysql", "1"),
        ("it's", "mysql", "'it''s'"),
        ("back\\slash", "mysql", "_utf8mb4 X'6261636b5c736c617368'"),
        ("back\\slash", "postgres", "'back\\slash'"),
        ("a\0b", "sqlite", "CAST(X'610062' AS TEXT)"),
        (b"\x00'", "postgres", "'\\x0027'::bytea"),
        (b"\x00'", "sqlite", "X'0027'"),
        (Decimal("1.50"), "sqlite", "'1.50'"),
        (Decimal("1.50"), "mysql", "1.50"),
    ],
)
def test_literals(value: Any, dialect: str, expected: str) -> None:
    assert sql_literal(value, dialect) == expected


def test_a_number_that_is_not_finite_is_no_literal() -> None:
    with pytest.raises(ValueError, match="finite"):
        sql_literal(float("inf"), "postgres")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (fields.CharField(10), fields.CharField(20), None),
        (fields.CharField(20), fields.CharField(10), "max_length 20 becomes 10"),
        (fields.CharField(9, null=True), fields.CharField(9), "NULL is no longer allowed"),
        (fields.CharField(9), fields.CharField(9, null=True), None),
        (fields.TextField(), fields.CharField(9), "type TextField becomes CharField"),
        (fields.DecimalField(10, 4), fields.DecimalField(10, 2), "decimal_places 4 becomes 2"),
        (
            fields.DecimalField(10, 2),
            fields.DecimalField(10, 4),
            "digits before the point 8 become 6",
        ),
        (fields.DecimalField(10, 2), fields.DecimalField(12, 4), None),
    ],
)
def test_narrowing(old: Any, new: Any, expected: str | None) -> None:
    assert narrowing(old, new) == expected
