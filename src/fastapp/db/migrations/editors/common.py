"""What the editors of all databases share."""

from __future__ import annotations

from copy import copy
from typing import Any

from tortoise.fields import Field
from tortoise.fields.db_defaults import SqlDefault
from tortoise.fields.relational import ForeignKeyFieldInstance, ManyToManyFieldInstance
from tortoise.indexes import Index
from tortoise.migrations.schema_editor.base import BaseSchemaEditor
from tortoise.models import Model

from fastapp.db.migrations.filling import (
    column_field,
    filling_literal,
    has_filling,
    is_required,
    no_filling,
)
from fastapp.db.migrations.tables import has_rows
from fastapp.exceptions import CommandError

Fields = dict[str, Any]


class _Column(str):
    """The name of a column, which is not looked up as that of a field."""

    __slots__ = ()


class CommonEditor(BaseSchemaEditor):
    """Adds and alters columns without losing what rows hold."""

    def _table(self, model: type[Model]) -> str:
        return self._qualify_table_name(model._meta.db_table, model._meta.schema)

    async def create_model(self, model: type[Model]) -> None:
        """Make a table; the fields of its indexes may be foreign keys."""
        declared = model._meta.indexes
        # The base class resolves those that are tuples.
        model._meta.indexes = tuple(
            self._on_columns(model, index) if isinstance(index, Index) else index
            for index in declared
        )
        try:
            await super().create_model(model)
        finally:
            model._meta.indexes = declared

    async def add_index(self, model: type[Model], index: Index) -> None:
        """Make an index, whose fields may be foreign keys."""
        await super().add_index(model, self._on_columns(model, index))

    async def remove_index(self, model: type[Model], index: Index) -> None:
        """Drop an index, whose fields may be foreign keys."""
        await super().remove_index(model, self._on_columns(model, index))

    def _on_columns(self, model: type[Model], index: Index) -> Index:
        """The base class takes names of fields for those of columns."""
        on_columns = copy(index)
        on_columns.fields = self._resolve_fields_to_columns(model, index.fields)
        return on_columns

    def _resolve_fields_to_columns(
        self, model: type[Model], field_names: tuple[str, ...] | list[str]
    ) -> list[str]:
        """Columns of fields; what is one already is left, though a field may have its name."""
        resolved = super()._resolve_fields_to_columns(model, field_names)
        return [
            name if isinstance(name, _Column) else _Column(column)
            for name, column in zip(field_names, resolved, strict=True)
        ]

    async def add_field(self, model: type[Model], field_name: str) -> None:
        """Add a column; rows that exist already get the field's default.

        Raises:
            CommandError: the table has rows and the field says nothing that they could get.
        """
        field = model._meta.fields_map[field_name]
        if isinstance(field, ManyToManyFieldInstance):
            await super().add_field(model, field_name)
            return
        await self._refuse_unfilled(model, field_name)
        await self._add_column(model, field_name)
        column = column_field(model, field_name)
        if column.index and not column.unique and not column.pk:
            await self.add_index(model, Index(fields=(self._column(column),)))

    async def _refuse_unfilled(self, model: type[Model], field_name: str) -> None:
        if self.collect_sql or not is_required(column_field(model, field_name)):
            return
        if await has_rows(self.client, model._meta.db_table, model._meta.schema):
            raise CommandError(no_filling(model.__name__, field_name, "a table with rows"))

    async def _add_column(self, model: type[Model], field_name: str) -> None:
        """Add the column with a default, which it loses when the rows have it."""
        field = model._meta.fields_map[field_name]
        literal = None
        if not field.has_db_default():
            literal = await filling_literal(model, field_name, self.DIALECT)
        if literal is None:
            await super().add_field(model, field_name)
            return
        filled = copy(field)
        filled.db_default = SqlDefault(self._default_expression(field, literal))
        with _exchanged(model._meta.fields_map, field_name, filled):
            # Not of the class after this one: MySQL's adds a column without its default.
            await BaseSchemaEditor.add_field(self, model, field_name)
        await self._run_sql(
            self.ALTER_FIELD_TEMPLATE.format(
                table=self._table(model), changes=self._without_default(model, field_name)
            )
        )

    def _default_expression(self, field: Field[Any], literal: str) -> str:
        return literal

    def _without_default(self, model: type[Model], field_name: str) -> str:
        column = self._column(column_field(model, field_name))
        return self.ALTER_FIELD_DROP_DEFAULT_TEMPLATE.format(column=column)

    @staticmethod
    def _column(field: Field[Any]) -> _Column:
        return _Column(field.source_field or field.model_field_name)

    def _on_column(self, field: Field[Any]) -> Field[Any]:
        """A field for the base class, which makes indexes and constraints of its column's name."""
        on_column = copy(field)
        on_column.source_field = self._column(field)
        return on_column

    async def alter_field(
        self, old_model: type[Model], new_model: type[Model], field_name: str
    ) -> None:
        """Change a column, its type included; NULL becomes the default where it is not allowed.

        Raises:
            CommandError: a relation becomes a column, or the other way round.
        """
        old, new = old_model._meta.fields_map[field_name], new_model._meta.fields_map[field_name]
        relations = (ForeignKeyFieldInstance, ManyToManyFieldInstance)
        if isinstance(old, relations) or isinstance(new, relations):
            if isinstance(old, ManyToManyFieldInstance) != isinstance(
                new, ManyToManyFieldInstance
            ) or isinstance(old, ForeignKeyFieldInstance) != isinstance(
                new, ForeignKeyFieldInstance
            ):
                raise CommandError(
                    f"cannot alter {new_model.__name__}.{field_name}: "
                    f"{type(old).__name__} becomes {type(new).__name__}: the one is a column and "
                    f"the other a relation. Fix: remove the field in one migration and add it in "
                    f"the next."
                )
            if isinstance(old, ManyToManyFieldInstance):
                await super().alter_field(old_model, new_model, field_name)
                return
        before = self._foreign_key_sql(old_model, field_name)
        after = self._foreign_key_sql(new_model, field_name)
        if before not in (None, after):
            for name in await self._foreign_key_names(old_model, field_name):
                await self._run_sql(
                    self.DELETE_FK_TEMPLATE.format(table=self._table(old_model), name=name)
                )
        old, new = column_field(old_model, field_name), column_field(new_model, field_name)
        if old.null and not new.null and has_filling(new_model._meta.fields_map[field_name]):
            await self._fill_null(new_model, field_name, self._column(old))
        await self._alter_field(new_model, self._on_column(old), self._on_column(new))
        if after not in (None, before):
            await self._run_sql(f"ALTER TABLE {self._table(new_model)} ADD {after}")

    def _foreign_key_sql(self, model: type[Model], field_name: str) -> str | None:
        """The constraint of a foreign key; None for other fields."""
        field: Any = model._meta.fields_map[field_name]
        if not isinstance(field, ForeignKeyFieldInstance) or not field.db_constraint:
            return None
        related: Any = field.related_model
        column = self._column(column_field(model, field_name))
        target = self._column(field.to_field_instance)
        name = self._generate_fk_name(model._meta.db_table, column, related._meta.db_table, target)
        return (
            f"CONSTRAINT {self.quote(name)} FOREIGN KEY ({self.quote(column)}) "
            f"REFERENCES {self._table(related)} ({self.quote(target)}) ON DELETE {field.on_delete}"
        )

    async def _foreign_key_names(self, model: type[Model], field_name: str) -> list[str]:
        """Names of the constraints of a foreign key; there may be none."""
        raise NotImplementedError

    async def _fill_null(self, model: type[Model], field_name: str, column: str) -> None:
        literal = await filling_literal(model, field_name, self.DIALECT)
        name = self.quote(column)
        await self._run_sql(
            f"UPDATE {self._table(model)} SET {name} = {literal} WHERE {name} IS NULL"
        )


class _exchanged:  # noqa: N801 - used as a function
    """Another field in a model's map for the length of a ``with`` block."""

    def __init__(self, fields: Fields, name: str, field: Any) -> None:
        self.fields, self.name, self.field = fields, name, field

    def __enter__(self) -> None:
        self.field, self.fields[self.name] = self.fields[self.name], self.field

    def __exit__(self, *_exc: object) -> None:
        self.fields[self.name] = self.field
