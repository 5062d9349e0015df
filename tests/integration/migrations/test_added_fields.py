"""Fields that are added to a table with rows, on each database."""

from __future__ import annotations

import pytest
from integration.migrations.stores import Project

#: Each kind of field with a default, and what the old rows must give back as the ORM reads them.
DEFAULTS = {
    "a_bool": ("models.BooleanField(default=True)", "True"),
    "a_false": ("models.BooleanField(default=False)", "False"),
    "a_small": ("models.SmallIntegerField(default=-7)", "-7"),
    "a_int": ("models.IntegerField(default=42)", "42"),
    "a_big": ("models.BigIntegerField(default=-(2**63))", str(-(2**63))),
    "a_float": ("models.FloatField(default=0.1)", "0.1"),
    "a_decimal": (
        "models.DecimalField(max_digits=12, decimal_places=2, default=Decimal('10.50'))",
        "Decimal('10.50')",
    ),
    "a_char": (
        "models.CharField(max_length=60, default='O\\'Hara \\\\ \"x\"; -- % \\u6e05\\U0001f680')",
        "'O\\'Hara \\\\ \"x\"; -- % \u6e05\U0001f680'",
    ),
    "a_empty": ("models.CharField(max_length=5, default='')", "''"),
    "a_text": ("models.TextField(default='two\\nlines')", "'two\\nlines'"),
    "a_json": ("models.JSONField(default=dict)", "{}"),
    "a_list": ("models.JSONField(default=some_list)", "['\u8272', None, 1.5]"),
    "a_uuid": (
        "models.UUIDField(default=some_uuid)",
        f"UUID('{'12' * 4}-{'-'.join(['1212'] * 3)}-{'12' * 6}')",
    ),
    "a_blob": ("models.BinaryField(default=b'\\x00\\'\\\\\\xff')", 'b"\\x00\'\\\\\\xff"'),
    "a_date": ("models.DateField(default=dt.date(2024, 2, 29))", "datetime.date(2024, 2, 29)"),
    "a_span": ("models.DurationField(default=dt.timedelta(days=3))", "datetime.timedelta(days=3)"),
    "a_moment": (
        "models.DateTimeField(default=dt.datetime(2026, 2, 28, 15, 59, 59, 123456, tzinfo=dt.UTC))",
        "'2026-02-28T15:59:59.123456+00:00'",
    ),
    "a_enum": (
        "models.CharEnumField(Colour, max_length=9, default=Colour.RED)",
        "<Colour.RED: 'red'>",
    ),
    "a_number": ("models.IntEnumField(Size, default=Size.BIG)", "<Size.BIG: 3>"),
    "a_null": ("models.IntegerField(null=True, default=5)", "5"),
    "a_none": ("models.IntegerField(null=True)", "None"),
}
HEAD = """
import datetime as dt
import uuid
from decimal import Decimal
from enum import IntEnum, StrEnum

class Colour(StrEnum):
    RED = "red"

class Size(IntEnum):
    BIG = 3

def some_uuid():
    return uuid.UUID("12" * 16)

def some_list():
    return ["\\u8272", None, 1.5]

class Item(models.Model):
    name = models.CharField(max_length=50)
    class Meta:
        table = "item"
"""
READER = """
import click
from fastapp.cli.asynchronous import asynchronous, with_databases

@click.command("read-items")
@asynchronous
@with_databases
async def read_items() -> int:
    import datetime
    from apps.shop.models import Item
    for row in await Item.objects.all():
        for name in sorted(Item._meta.fields_map):
            value = getattr(row, name)
            if isinstance(value, memoryview):
                value = bytes(value)
            if isinstance(value, datetime.datetime):
                value = value.astimezone(datetime.UTC).isoformat()
            click.echo(f"{row.id} {name} {value!r}")
    return 0

commands = [read_items]
"""


def filled(project: Project, *fields: str, rows: int = 3) -> None:
    """A table with rows."""
    project.item("name = models.CharField(max_length=50)", *fields)
    project.apply()
    for number in range(rows):
        project.store.query(f"INSERT INTO item (name) VALUES ('row {number}')")


def test_rows_get_the_default_of_every_kind_of_field(project: Project) -> None:
    project.models(HEAD)
    project.apply()
    for number in range(3):
        project.store.query(f"INSERT INTO item (name) VALUES ('row {number}')")
    fields = "".join(f"    {name} = {field}\n" for name, (field, _) in DEFAULTS.items())
    project.models(HEAD.replace("    class Meta", f"{fields}    class Meta"))
    (project.app / "commands.py").write_text(READER, encoding="utf-8")
    project.apply()
    lines = project.ok("read-items").splitlines()
    for row in (1, 2, 3):
        for name, (_, expected) in DEFAULTS.items():
            assert f"{row} {name} {expected}" in lines
    # No default stays in the schema, and only what the models say takes NULL.
    columns = project.store.columns("item")
    assert {name: columns[name] for name in DEFAULTS} == {
        name: (name in ("a_null", "a_none"), None) for name in DEFAULTS
    }
    assert project.ok("makemigrations") == "No changes.\n"


def test_a_callable_is_called_once(project: Project) -> None:
    filled(project)
    project.item("name = models.CharField(max_length=50)", "key = models.UUIDField(default=uuid4)")
    text = (project.app / "models.py").read_text()
    (project.app / "models.py").write_text("from uuid import uuid4\n" + text)
    project.apply()
    rows = project.store.query(
        "SELECT DISTINCT CAST(key AS CHAR(36)) FROM item".replace(
            "key", "`key`" if project.store.kind == "mariadb" else "key"
        )
    )
    assert len(rows) == 1


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("models.IntegerField(db_default=7)", 7),
        ("models.IntegerField(db_default=SqlDefault('(3 + 4)'))", 7),
        ("models.IntegerField(null=True, db_default=SqlDefault('(3 + 4)'))", 7),
    ],
)
def test_db_default_stays_in_the_schema(project: Project, field: str, expected: int) -> None:
    filled(project)
    project.item("name = models.CharField(max_length=50)", f"size = {field}")
    project.apply()
    assert project.store.query("SELECT DISTINCT size FROM item") == [(expected,)]
    project.store.query("INSERT INTO item (name) VALUES ('later')")
    assert project.store.query("SELECT DISTINCT size FROM item") == [(expected,)]


def test_a_moment_of_now(project: Project) -> None:
    filled(project)
    project.item(
        "name = models.CharField(max_length=50)",
        "made = models.DateTimeField(auto_now_add=True)",
        "seen = models.DateTimeField(db_default=Now())",
    )
    project.apply()
    assert project.store.query("SELECT COUNT(*) FROM item WHERE made > '2024-01-01'") == [(3,)]
    assert project.store.query("SELECT COUNT(*) FROM item WHERE seen > '2024-01-01'") == [(3,)]


def test_without_a_default_makemigrations_refuses(project: Project) -> None:
    filled(project)
    project.item("name = models.CharField(max_length=50)", "size = models.IntegerField()")
    refused = project.run("makemigrations")
    assert refused.code == 1
    for part in ("Item.size", "'shop'", "null=False", "default=", "db_default=", "null=True"):
        assert part in refused.err
    assert [path.name for path in (project.app / "migrations").glob("0*.py")] == ["0001_initial.py"]


def write_by_hand(project: Project, name: str, operations: str) -> None:
    (project.app / "migrations" / f"{name}.py").write_text(
        "from tortoise import fields, migrations\n"
        "from tortoise.migrations import operations as ops\n"
        "class Migration(migrations.Migration):\n"
        "    dependencies = [('shop', '0001_initial')]\n"
        f"    operations = [{operations}]\n",
        encoding="utf-8",
    )


@pytest.mark.parametrize("rows", [0, 3])
def test_a_migration_without_a_default_needs_an_empty_table(project: Project, rows: int) -> None:
    filled(project, rows=rows)
    write_by_hand(project, "0002_size", "ops.AddField('Item', 'size', fields.IntField())")
    done = project.run("migrate")
    if rows:
        assert done.code == 1
        for part in ("shop.0002_size", "Item.size", "null=False", "default="):
            assert part in done.err
        assert "size" not in project.store.columns("item")
    else:
        assert done.code == 0, done.err
        assert project.store.columns("item")["size"] == (False, None)


def test_foreign_keys_and_indexes_of_added_fields(project: Project) -> None:
    kind = "class Kind(models.Model):\n    class Meta:\n        table = 'kind'\n"
    item = (
        "class Item(models.Model):\n    name = models.CharField(max_length=50)\n{}"
        "    class Meta:\n        table = 'item'\n"
    )
    project.models(kind + item.format(""))
    project.apply()
    insert = {"mariadb": "() VALUES ()"}.get(project.store.kind, "DEFAULT VALUES")
    project.store.query(f"INSERT INTO kind {insert}")
    project.store.query("INSERT INTO item (name) VALUES ('x')")
    project.models(
        kind
        + item.format(
            "    kind = models.ForeignKey('shop.Kind', default=1)\n"
            "    size = models.IntegerField(default=1, db_index=True)\n"
        )
    )
    project.apply()
    assert project.store.query("SELECT kind_id, size FROM item") == [(1, 1)]
    enforce = "PRAGMA foreign_keys=ON" if project.store.kind == "sqlite" else None
    if enforce is None:
        with pytest.raises(Exception, match="foreign key"):
            project.store.query("INSERT INTO item (name, kind_id, size) VALUES ('x', 99, 1)")
    assert "size" in indexed(project)
    project.models(kind + item.format(""))
    project.apply("--yes")
    assert set(project.store.columns("item")) == {"id", "name"}


def indexed(project: Project) -> str:
    """Text that names the indexed columns of the table."""
    queries = {
        "sqlite": "SELECT sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'item'",
        "mariadb": "SELECT column_name FROM information_schema.statistics "
        "WHERE table_schema = DATABASE() AND table_name = 'item'",
        "postgresql": "SELECT indexdef FROM pg_indexes WHERE tablename = 'item'",
    }
    return str(project.store.query(queries[project.store.kind]))


def test_null_becomes_the_default_where_it_is_no_longer_allowed(project: Project) -> None:
    filled(project, "size = models.IntegerField(null=True)")
    project.item("name = models.CharField(max_length=50)", "size = models.IntegerField(default=9)")
    project.apply("--yes")
    assert project.store.query("SELECT DISTINCT size FROM item") == [(9,)]
    assert project.store.columns("item")["size"] == (False, None)


def test_a_changed_type_keeps_the_values(project: Project) -> None:
    filled(project, "size = models.IntegerField(null=True)", "tag = models.CharField(9, null=True)")
    project.store.query("UPDATE item SET size = 34, tag = '56'")
    project.item(
        "name = models.CharField(max_length=50)",
        "size = models.CharField(max_length=20, null=True)",
        "tag = models.IntegerField(null=True)",
    )
    project.apply("--yes")
    assert project.store.query("SELECT DISTINCT size FROM item") == [("34",)]
    assert project.store.query("SELECT DISTINCT tag FROM item") == [(56,)]
