"""Finding the operations of a migration that lose data."""

from __future__ import annotations

from typing import Any

from tortoise.fields import Field
from tortoise.migrations.migration import Migration
from tortoise.migrations.operations import (
    AddField,
    AlterField,
    CreateModel,
    DeleteModel,
    DropSchema,
    Operation,
    RemoveField,
    RunSQL,
    TortoiseOperation,
)
from tortoise.migrations.schema_generator.state import State

#: What a statement written by hand must not contain to be taken as harmless.
_SQL_WORDS = ("DROP ", "TRUNCATE", "DELETE ")


def forward_losses(migration: Migration, state: State) -> list[str]:
    """What applying a migration loses, one line for each loss, such as "drops column Product.sku".

    Args:
        migration: the migration.
        state: the models before it; moved on to the models after it.
    """
    found = []
    for operation in migration.operations:
        text = operation_loss(operation, migration.app_label, state)
        if text is not None:
            found.append(text)
        if isinstance(operation, TortoiseOperation):
            operation.state_forward(migration.app_label, state)
    return found


def backward_losses(migration: Migration) -> list[str]:
    """What taking a migration back loses, one line for each loss."""
    found = []
    for operation in migration.operations:
        if isinstance(operation, CreateModel):
            found.append(f"drops the table of {operation.name}")
        elif isinstance(operation, AddField):
            found.append(f"drops column {operation.model_name}.{operation.name}")
        elif isinstance(operation, AlterField):
            found.append(f"changes column {operation.model_name}.{operation.name} back")
        elif isinstance(operation, RunSQL):
            text = _sql_loss(str(operation.reverse_sql))
            found += [text] if text else []
    return found


def operation_loss(operation: Operation, app: str, state: State) -> str | None:
    """What an operation loses when it is applied, or None.

    Args:
        operation: the operation.
        app: label of its app.
        state: the models before it.
    """
    if isinstance(operation, DeleteModel):
        return f"drops the table of {operation.name}"
    if isinstance(operation, RemoveField):
        return f"drops column {operation.model_name}.{operation.name}"
    if isinstance(operation, DropSchema):
        return f"drops schema {operation.schema_name}"
    if isinstance(operation, AlterField):
        return _altered(operation, app, state)
    if isinstance(operation, RunSQL):
        return _sql_loss(str(operation.sql))
    return None


def _altered(operation: AlterField, app: str, state: State) -> str | None:
    column = f"{operation.model_name}.{operation.name}"
    new = operation.field
    model = state.models.get((app, operation.model_name))
    old = None if model is None else model.fields.get(operation.name)
    if old is None or not isinstance(new, Field):
        return f"changes column {column}"
    reason = narrowing(old, new)
    return None if reason is None else f"narrows column {column}: {reason}"


def narrowing(old: Field[Any], new: Field[Any]) -> str | None:
    """Why a column that changes from ``old`` to ``new`` may lose values, or None."""
    if old.null and not new.null:
        return "NULL is no longer allowed"
    if type(old) is not type(new):
        return f"type {type(old).__name__} becomes {type(new).__name__}"
    for name in ("max_length", "max_digits", "decimal_places"):
        before, after = getattr(old, name, None), getattr(new, name, None)
        if isinstance(before, int) and isinstance(after, int) and after < before:
            return f"{name} {before} becomes {after}"
    digits = [
        getattr(field, "max_digits", 0) - getattr(field, "decimal_places", 0)
        for field in (old, new)
    ]
    if digits[1] < digits[0]:
        return f"digits before the point {digits[0]} become {digits[1]}"
    return None


def _sql_loss(query: str) -> str | None:
    upper = query.upper()
    word = next((word for word in _SQL_WORDS if word in upper), None)
    return None if word is None else f"runs SQL with {word.strip()}"
