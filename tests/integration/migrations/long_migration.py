"""A migration of many operations on MariaDB, which can stop between any two of them."""

from __future__ import annotations

from integration.migrations.stores import Project

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


def write(project: Project, name: str, text: str) -> None:
    folder = project.app / "migrations"
    folder.mkdir(exist_ok=True)
    (folder / "__init__.py").touch()
    (folder / f"{name}.py").write_text(text, encoding="utf-8")


def prepare(project: Project) -> None:
    """Apply the first migration, insert rows, and write a long one that is not applied."""
    project.models("class Kind(models.Model):\n    class Meta:\n        table = 'kind'\n")
    write(project, "0001_first", FIRST)
    project.ok("migrate")
    for statement in ROWS:
        project.store.query(statement)
    write(project, "0002_long", LONG)
