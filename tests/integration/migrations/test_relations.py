"""Relations, keys, indexes and constraints that change below rows, on each database."""

from __future__ import annotations

import pytest
from integration.migrations.stores import Project

HEAD = """
from tortoise.migrations.constraints import CheckConstraint

class Kind(models.Model):
    name = models.CharField(20)
    class Meta:
        table = 'kind'

class Tag(models.Model):
    name = models.CharField(20)
    class Meta:
        table = 'tag'

"""


def change(project: Project, *fields: str, meta: str = "", rename: str = "") -> None:
    """Change the fields of Item, and apply that; the models are what the migrations say then."""
    lines = "".join(f"    {field}\n" for field in ("name = models.CharField(20)", *fields))
    options = f"    class Meta:\n        table = 'item'\n        {meta}\n"
    project.models(f"{HEAD}class Item(models.Model):\n{lines}{options}")
    project.ok("makemigrations", *(("--rename", rename) if rename else ()))
    project.ok("migrate", "--yes")
    assert project.ok("makemigrations") == "No changes.\n"


def insert(project: Project, *tables: str) -> None:
    for table in tables:
        project.store.query(f"INSERT INTO {table} (name) VALUES ('x')")


def refuses(project: Project, statement: str) -> None:
    """SQLite enforces foreign keys for those who ask only."""
    if project.store.kind != "sqlite":
        with pytest.raises(Exception, match=r"(?i)foreign key|restrict"):
            project.store.query(statement)


def test_foreign_keys_change_and_their_values_stay(project: Project) -> None:
    change(project)
    insert(project, "kind", "tag", "item")
    change(
        project,
        "kind = models.ForeignKey('shop.Kind', null=True)",
        "parent = models.ForeignKey('shop.Item', null=True, related_name='children')",
        "tags = models.ManyToManyField('shop.Tag')",
    )
    project.store.query("UPDATE item SET kind_id = 1, parent_id = 1")
    rest = [
        "parent = models.ForeignKey('shop.Item', null=True, related_name='children')",
        "tags = models.ManyToManyField('shop.Tag', related_name='tagged')",
    ]
    for field, rename in (
        ("sort = models.ForeignKey('shop.Kind', null=True)", "Item.kind:sort"),
        ("sort = models.ForeignKey('shop.Kind', default=1)", ""),
        ("sort = models.ForeignKey('shop.Tag', default=1)", ""),
        ("sort = models.OneToOneField('shop.Tag', null=True)", ""),
    ):
        change(project, field, *rest, rename=rename)
        assert project.store.query("SELECT sort_id, parent_id FROM item") == [(1, 1)]
    refuses(project, "UPDATE item SET sort_id = 99")
    change(project)
    project.ok("migrate", "shop", "zero", "--yes")
    assert project.store.tables() == set()


def test_what_happens_to_rows_that_refer_to_a_deleted_one_changes(project: Project) -> None:
    change(project, "kind = models.ForeignKey('shop.Kind', null=True)")
    insert(project, "kind", "item")
    project.store.query("UPDATE item SET kind_id = 1")
    change(project, "kind = models.ForeignKey('shop.Kind', null=True, on_delete=models.RESTRICT)")
    refuses(project, "DELETE FROM kind")
    change(project, "kind = models.ForeignKey('shop.Kind', null=True, on_delete=models.SET_NULL)")
    if project.store.kind != "sqlite":
        project.store.query("DELETE FROM kind")
        assert project.store.query("SELECT kind_id FROM item") == [(None,)]
    change(project, "kind = models.ForeignKey('shop.Kind', null=True, db_constraint=False)")
    project.store.query("UPDATE item SET kind_id = 99")


def test_a_renamed_model_keeps_its_relations(project: Project) -> None:
    through = "through='item_tags', forward_key='tag_id', backward_key='item_id'"
    change(
        project,
        f"tags = models.ManyToManyField('shop.Tag', {through})",
        "kind = models.ForeignKey('shop.Kind', null=True)",
        "parent = models.ForeignKey('shop.Item', null=True, related_name='children')",
    )
    insert(project, "kind", "tag", "item")
    project.store.query("UPDATE item SET kind_id = 1, parent_id = 1")
    project.store.query("INSERT INTO item_tags (item_id, tag_id) VALUES (1, 1)")
    text = (project.app / "models.py").read_text()
    text = text.replace("class Item", "class Thing").replace("shop.Item", "shop.Thing")
    (project.app / "models.py").write_text(text)
    project.ok("makemigrations", "--rename", "Item:Thing")
    project.ok("migrate")
    assert project.ok("makemigrations") == "No changes.\n"
    assert project.store.query("SELECT item_id, tag_id FROM item_tags") == [(1, 1)]
    assert project.store.query("SELECT kind_id, parent_id FROM item") == [(1, 1)]
    project.ok("migrate", "shop", "0001", "--yes")
    assert project.store.query("SELECT item_id, tag_id FROM item_tags") == [(1, 1)]


def test_indexes_and_uniqueness_of_foreign_keys(project: Project) -> None:
    kind = "kind = models.ForeignKey('shop.Kind')"
    for meta in (
        "unique_together = (('kind', 'name'),)",
        "",
        "indexes = (('kind', 'name'),)",
        "unique_together = (('name', 'kind'),)",
        "",
    ):
        change(project, kind, meta=meta)
    insert(project, "kind")
    for _ in range(2):
        project.store.query("INSERT INTO item (name, kind_id) VALUES ('same', 1)")
    change(project, kind, meta="indexes = (models.Index(fields=('kind', 'name')),)")


def test_columns_that_have_the_name_of_another_field(project: Project) -> None:
    name = "name = models.CharField(20, source_field='full_name')"
    title = "title = models.CharField(20, source_field='name'{})"
    code = "code = models.CharField(20, null=True, source_field='old_code')"
    label = "label = models.CharField(20, null=True, source_field='code', db_index=True)"
    meta = ("indexes = (models.Index(fields=('title', 'name')),)",)
    both = ["name", "full_name"]
    project.item(name, title.format(", db_index=True"), meta=meta)
    project.ok("makemigrations")
    # Left out by makemigrations, which takes it for the key of a relation.
    left_out = "('name', fields.CharField(source_field='full_name', max_length=20)),"
    (first,) = (project.app / "migrations").glob("0001_*.py")
    first.write_text(first.read_text().replace("('title', ", f"{left_out} ('title', "))
    project.ok("migrate")
    assert project.store.indexed("item") == [["name"], both]
    for options, expected in (
        ("", [both]),
        (", db_index=True", [["name"], both]),
        ("", [both]),
        (", unique=True", [["name"], both]),
        ("", [both]),
    ):
        project.item(name, title.format(options), meta=meta)
        project.apply("--yes")
        assert project.store.indexed("item") == expected, options
    project.item(name, title.format(""), code)
    project.apply("--yes")
    project.item(name, title.format(""), code, label)
    project.apply("--yes")
    assert project.store.indexed("item") == [["code"]]
    project.ok("migrate", "shop", "zero", "--yes")
    assert project.store.tables() == set()


def test_checks_are_added_and_dropped(project: Project) -> None:
    check = "constraints = [CheckConstraint(check='size > 0', name='positive')]"
    size = "size = models.IntegerField()"
    wrong = "INSERT INTO item (name, size) VALUES ('x', -1)"
    change(project, size)
    change(project, size, meta=check)
    with pytest.raises(Exception, match=r"(?i)check|constraint"):
        project.store.query(wrong)
    change(project, size)
    project.store.query(wrong)


def test_names_that_are_words_of_sql(project: Project) -> None:
    model = "class Order(models.Model):\n{}    class Meta:\n        table = 'order'\n{}"
    group = "    group = models.CharField(20, default='g')\n"

    def quoted(name: str) -> str:
        return f"`{name}`" if project.store.kind == "mariadb" else f'"{name}"'

    project.models(model.format(group, ""))
    project.apply()
    order = quoted("order")
    project.store.query(f"INSERT INTO {order} ({quoted('group')}) VALUES ('a')")
    fields = [
        "key = models.IntegerField(default=3, db_index=True)",
        "index = models.IntegerField(db_default=4)",
        "select = models.IntegerField(null=True, unique=True)",
        "range = models.IntegerField(null=True, db_default=SqlDefault('(1 + 1)'))",
    ]
    meta = (
        "        unique_together = (('key', 'index'),)\n        indexes = (('index', 'group'),)\n"
    )
    project.models(model.format(group + "".join(f"    {field}\n" for field in fields), meta))
    project.apply("--yes")
    columns = ", ".join(map(quoted, ("key", "index", "range")))
    assert project.store.query(f"SELECT {columns} FROM {order}") == [(3, 4, 2)]
    fields = [
        "key = models.BigIntegerField(null=True)",
        "index = models.CharField(9, default='q')",
        "match = models.IntegerField(null=True)",
    ]
    project.models(model.format(group + "".join(f"    {field}\n" for field in fields), ""))
    project.ok("makemigrations", "--rename", "Order.select:match")
    project.ok("migrate", "--yes")
    assert project.ok("makemigrations") == "No changes.\n"
    project.ok("migrate", "shop", "zero", "--yes")
    assert project.store.tables() == set()


def test_relations_within_an_app_need_no_label(project: Project) -> None:
    project.models(
        f"{HEAD}class Base(models.Model):\n"
        "    parent = models.ForeignKey('self', null=True, related_name=False)\n"
        "    class Meta:\n        abstract = True\n"
        "class Item(Base):\n"
        "    kind = models.OneToOneField('Kind', null=True)\n"
        "    tags = models.ManyToManyField('Tag')\n"
        "    class Meta:\n        table = 'item'\n"
        "class Other(Base):\n"
        "    class Meta:\n        table = 'other'\n"
    )
    project.apply()
    assert project.ok("makemigrations") == "No changes.\n"
    refuses(project, "INSERT INTO item (parent_id) VALUES (99)")
    refuses(project, "INSERT INTO other (parent_id) VALUES (99)")
    refuses(project, "INSERT INTO item (kind_id) VALUES (99)")


def test_models_that_refer_to_each_other(project: Project) -> None:
    model = (
        "class {0}(models.Model):\n"
        "    other = models.ForeignKey('shop.{1}', null=True, related_name='of_{0}')\n"
        "    class Meta:\n        table = '{0}'\n"
    )
    project.models(model.format("One", "Two") + model.format("Two", "One"))
    project.apply()
    assert project.ok("makemigrations") == "No changes.\n"
    project.ok("migrate", "shop", "zero", "--yes")
    assert project.store.tables() == set()
