"""What rows that exist already get in a column that is added to their table."""

from __future__ import annotations

import inspect
from typing import Any

from tortoise import timezone
from tortoise.fields import Field
from tortoise.fields.relational import ForeignKeyFieldInstance, ManyToManyFieldInstance
from tortoise.models import Model

from fastapp.db.migrations.literals import sql_literal
from fastapp.exceptions import CommandError


def column_field(model: type[Model], field_name: str) -> Field[Any]:
    """The field that a column is made of; of a foreign key, the one that holds the key."""
    field = model._meta.fields_map[field_name]
    if isinstance(field, ForeignKeyFieldInstance):
        return model._meta.fields_map[field.source_field or field_name]
    return field


def has_filling(field: Any) -> bool:
    """Whether old rows get a value that the field itself says."""
    return field.default is not None or _is_now(field)


def is_required(field: Any) -> bool:
    """Whether the column takes no NULL and nothing says what old rows would get."""
    if isinstance(field, ManyToManyFieldInstance):
        return False
    return not (
        field.null or field.generated or field.pk or field.has_db_default() or has_filling(field)
    )


async def filling_literal(model: type[Model], field_name: str, dialect: str) -> str | None:
    """What old rows get, as SQL; a callable default is called once. None when there is nothing.

    Raises:
        CommandError: no database can store the default; names the column and the value.
    """
    declared = model._meta.fields_map[field_name]
    field: Any = column_field(model, field_name)
    if declared.default is not None:
        value = declared.default() if callable(declared.default) else declared.default
        if inspect.isawaitable(value):
            value = await value
        if isinstance(value, Model):
            value = value.pk
    elif _is_now(field):
        value = timezone.now()
    else:
        return None
    try:
        return sql_literal(field.to_db_value(value, model), dialect)
    except (TypeError, ValueError) as exc:
        raise CommandError(
            f"{model.__name__}.{field_name}: default={value!r}: {exc}. "
            f"Fix: give the field a default that its column can store."
        ) from exc


def no_filling(model: str, field: str, where: str) -> str:
    """The refusal of a column for which old rows have no value.

    Args:
        model: name of the model.
        field: name of the field.
        where: app or migration.
    """
    return (
        f"cannot add {model}.{field} in {where}: null=False: rows that exist already have no value "
        f"for it. Fix: give the field default=<value or callable> (old rows get it once), "
        f"db_default=<value> (the column keeps it), or null=True."
    )


def _is_now(field: Any) -> bool:
    return bool(getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False))
