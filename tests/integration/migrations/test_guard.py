"""What loses data, and what rows may not allow, is done only with --yes; nothing is guessed."""

from __future__ import annotations

from pathlib import Path

import pytest
from integration.migrations.stores import Project, SQLiteStore
from integration.migrations.test_added_fields import filled

NAME = "name = models.CharField(max_length=50)"


@pytest.fixture
def sqlite_project(tmp_path: Path) -> Project:
    """A project on SQLite, where what is tested is the same on each database."""
    return Project(tmp_path, SQLiteStore(tmp_path))


def migration(project: Project, number: int) -> str:
    (path,) = (project.app / "migrations").glob(f"{number:04d}_*.py")
    return path.read_text()


def test_a_dropped_and_an_added_field_are_no_rename(sqlite_project: Project) -> None:
    project = sqlite_project
    filled(project, "size = models.IntegerField(null=True)")
    project.item(NAME, "weight = models.IntegerField(null=True)")
    out = project.ok("makemigrations")
    assert "Remove field size" in out
    assert "Add field weight" in out
    assert "--rename Item.size:weight" in out
    refused = project.run("migrate")
    assert (refused.code, "drops column Item.size" in refused.err) == (3, True)
    assert "size" in project.store.columns("item")
    project.ok("migrate", "--yes")
    assert set(project.store.columns("item")) == {"id", "name", "weight"}


@pytest.mark.parametrize("rename", ["size:weight", "shop.Item.size:weight"])
def test_a_rename_has_several_spellings(sqlite_project: Project, rename: str) -> None:
    project = sqlite_project
    filled(project, "size = models.IntegerField(null=True)")
    project.item(NAME, "weight = models.IntegerField(null=True)")
    assert "Rename field size to weight" in project.ok("makemigrations", "--rename", rename)


def test_a_rename_that_is_asked_for_keeps_the_values(project: Project) -> None:
    filled(project, "size = models.IntegerField(null=True)")
    project.store.query("UPDATE item SET size = 5")
    # A rename and a change at once.
    project.item(NAME, "weight = models.BigIntegerField(null=True)")
    out = project.ok("makemigrations", "--rename", "Item.size:weight")
    assert "Rename field size to weight" in out
    assert "Remove field" not in out
    project.ok("migrate", "--yes")
    assert project.store.query("SELECT DISTINCT weight FROM item") == [(5,)]
    assert project.ok("makemigrations") == "No changes.\n"


def test_models_are_renamed_only_when_asked_for(project: Project) -> None:
    filled(project)
    text = (project.app / "models.py").read_text()
    (project.app / "models.py").write_text(text.replace("class Item", "class Product"))
    out = project.ok("makemigrations", "--dry-run")
    assert "Delete model Item" in out
    assert "--rename Item:Product" in out
    out = project.ok("makemigrations", "--rename", "Item:Product")
    assert "Rename model Item to Product" in out
    project.ok("migrate")
    assert project.store.query("SELECT COUNT(*) FROM item") == [(3,)]
    assert project.ok("makemigrations") == "No changes.\n"


@pytest.mark.parametrize(
    ("rename", "parts"),
    [
        ("size", ["--rename=size", "Model.old:new"]),
        ("Item.sise:weight", ["--rename=Item.sise:weight", "Item.size:weight"]),
        ("Item.size:name", ["--rename=Item.size:name", "Item.size:weight"]),
        ("Item:Thing", ["--rename=Item:Thing", "Item.size:weight"]),
    ],
)
def test_a_wrong_rename(sqlite_project: Project, rename: str, parts: list[str]) -> None:
    filled(sqlite_project, "size = models.IntegerField(null=True)")
    sqlite_project.item(NAME, "weight = models.IntegerField(null=True)")
    done = sqlite_project.run("makemigrations", "--rename", rename)
    assert done.code == 2
    for part in [*parts, "Fix:"]:
        assert part in done.err


CHANGES = {
    "length": ("models.CharField(20, null=True)", "models.CharField(10, null=True)", "max_length"),
    "type": ("models.CharField(20, null=True)", "models.TextField(null=True)", "CharField"),
    "integer": ("models.BigIntegerField(null=True)", "models.IntegerField(null=True)", "BigInt"),
    "null": ("models.CharField(20, null=True)", "models.CharField(20, default='x')", "NULL"),
    "unique": (
        "models.CharField(20, null=True)",
        "models.CharField(20, null=True, unique=True)",
        "unique",
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_changes_that_rows_may_not_survive(project: Project, change: str) -> None:
    old, new, part = CHANGES[change]
    filled(project, f"tag = {old}")
    project.item(NAME, f"tag = {new}")
    made = project.ok("makemigrations")
    assert "Item.tag" in made.split("!")[1]
    refused = project.run("migrate")
    assert refused.code == 3
    for expected in ("Item.tag", part, "--yes"):
        assert expected in refused.err
    project.ok("migrate", "--yes")
    assert project.store.query("SELECT COUNT(*) FROM item") == [(3,)]


def test_uniqueness_of_a_table_without_rows_needs_no_yes(project: Project) -> None:
    filled(project, "tag = models.IntegerField(null=True)", rows=0)
    project.item(
        NAME, "tag = models.IntegerField(null=True)", meta=["unique_together = (('name', 'tag'),)"]
    )
    project.apply()
    project.item(NAME, "tag = models.IntegerField(null=True, unique=True)")
    project.apply()
    project.store.query("INSERT INTO item (name, tag) VALUES ('a', 1)")
    with pytest.raises(Exception, match="(?i)unique|duplicate"):
        project.store.query("INSERT INTO item (name, tag) VALUES ('b', 1)")


def test_uniqueness_that_rows_do_not_have_fails_and_changes_nothing(project: Project) -> None:
    filled(project, "tag = models.IntegerField(null=True)")
    project.store.query("UPDATE item SET tag = 1")
    project.item(
        NAME, "tag = models.IntegerField(null=True)", meta=["unique_together = (('tag',),)"]
    )
    project.ok("makemigrations")
    assert project.run("migrate").code == 3
    failed = project.run("migrate", "--yes")
    assert failed.code == 1
    assert "shop.0002" in failed.err
    project.store.query("UPDATE item SET tag = id")
    project.ok("migrate", "--yes")


def test_values_too_long_are_not_cut(project: Project) -> None:
    filled(project, "tag = models.CharField(20, null=True)")
    project.store.query("UPDATE item SET tag = 'longer than five'")
    project.item(NAME, "tag = models.CharField(5, null=True)")
    project.ok("makemigrations")
    done = project.run("migrate", "--yes")
    # SQLite keeps any length.
    assert done.code == (0 if project.store.kind == "sqlite" else 1), done.err
    assert project.store.query("SELECT DISTINCT tag FROM item") == [("longer than five",)]


def test_rows_that_refer_to_a_changed_table_stay(project: Project) -> None:
    models = (
        "class Item(models.Model):\n    name = models.CharField({})\n{}"
        "    class Meta:\n        table = 'item'\n"
        "class Line(models.Model):\n    item = models.ForeignKey('shop.Item')\n"
        "    class Meta:\n        table = 'line'\n"
    )
    project.models(models.format(50, "    old = models.IntegerField(null=True)\n"))
    project.apply()
    project.store.query("INSERT INTO item (name) VALUES ('x')")
    project.store.query("INSERT INTO line (item_id) VALUES (1)")
    project.models(models.format(60, "    new = models.IntegerField(default=1)\n"))
    project.apply("--yes")
    assert project.store.query("SELECT item_id FROM line") == [(1,)]


def test_indexes_outlive_a_change_of_their_table(project: Project) -> None:
    fields = [
        "code = models.CharField(9, null=True, db_index=True)",
        "left = models.IntegerField(null=True)",
        "right = models.IntegerField(null=True)",
    ]
    meta = ["unique_together = (('name', 'code'),)", "indexes = (('left', 'right'),)"]
    project.item(NAME, *fields, "old = models.IntegerField(null=True)", meta=meta)
    project.apply()
    before = indexes(project)
    project.item(NAME.replace("50", "60"), *fields, meta=meta)
    project.apply("--yes")
    assert indexes(project) == before


def indexes(project: Project) -> set[tuple[object, ...]]:
    """Columns and uniqueness of each index."""
    if project.store.kind == "sqlite":
        found = project.store.query(
            'SELECT il.name, il."unique", group_concat(ii.name) '
            "FROM pragma_index_list('item') il, pragma_index_info(il.name) ii GROUP BY il.name"
        )
        return {tuple(row[1:]) for row in found}
    if project.store.kind == "mariadb":
        found = project.store.query(
            "SELECT index_name, non_unique, GROUP_CONCAT(column_name ORDER BY seq_in_index) "
            "FROM information_schema.statistics WHERE table_schema = DATABASE() "
            "AND table_name = 'item' GROUP BY index_name, non_unique"
        )
        return set(found)
    return set(project.store.query("SELECT indexdef FROM pg_indexes WHERE tablename = 'item'"))


def test_a_statement_that_fails_says_how_to_go_on(project: Project) -> None:
    filled(project)
    project.item(NAME, "code = models.CharField(20, default='same', unique=True)")
    project.ok("makemigrations")
    failed = project.run("migrate", "--yes")
    assert failed.code == 1
    for part in ("shop.0002_add_item_code", "database 'default'", "Fix: ", "run migrate again."):
        assert part in failed.err
    project.store.query("DELETE FROM item WHERE id > 1")
    project.ok("migrate", "--yes")
    assert "code" in project.store.columns("item")
