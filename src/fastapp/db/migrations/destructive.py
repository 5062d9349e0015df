"""Finding the operations of a migration that lose data, or that rows may not allow."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.fields import Field
from tortoise.migrations.constraints import UniqueConstraint
from tortoise.migrations.migration import Migration
from tortoise.migrations.operations import (
    AddConstraint,
    AddField,
    AlterField,
    CreateModel,
    DeleteModel,
    DropSchema,
    Operation,
    RemoveConstraint,
    RemoveField,
    RunSQL,
    TortoiseOperation,
)
from tortoise.migrations.schema_generator.state import State

from fastapp.db.migrations.filling import has_filling
from fastapp.db.migrations.tables import has_rows, table_exists

#: What a statement written by hand must not contain to be taken as harmless.
_SQL_WORDS = re.compile(r"\b(DROP|TRUNCATE|DELETE)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Loss:
    """What an operation loses, or what it cannot do to the rows that are there.

    Attributes:
        text: one line, such as "drops column Product.sku".
        table: when set, the loss is one only if this table has rows.
        schema: the schema of that table.
    """

    text: str
    table: str | None = None
    schema: str | None = None

    def within(self, where: str) -> Loss:
        """The same with a text before it."""
        return replace(self, text=where + self.text)

    def __str__(self) -> str:
        return f"{self.text} (when its table has rows)" if self.table else self.text


def forward_losses(migration: Migration, state: State) -> list[Loss]:
    """What applying a migration loses.

    Args:
        migration: the migration.
        state: the models before it; moved on to the models after it.
    """
    found = []
    for operation in migration.operations:
        loss = operation_loss(operation, migration.app_label, state)
        if loss is not None:
            found.append(loss)
        if isinstance(operation, TortoiseOperation):
            operation.state_forward(migration.app_label, state)
    return found


def backward_losses(migration: Migration, state: State) -> list[Loss]:
    """What unapplying a migration loses.

    Args:
        migration: the migration.
        state: the models before it.
    """
    found = []
    for operation in migration.operations:
        if isinstance(operation, CreateModel):
            found.append(Loss(f"drops the table of {operation.name}"))
        elif isinstance(operation, AddField):
            found.append(Loss(f"drops column {operation.model_name}.{operation.name}"))
        elif isinstance(operation, AlterField):
            found.append(Loss(f"changes column {operation.model_name}.{operation.name} back"))
        elif isinstance(operation, RemoveConstraint):
            found.append(_unique(operation.model_name, "again", migration.app_label, state))
        elif isinstance(operation, RunSQL):
            loss = _sql_loss(operation.reverse_sql)
            found += [loss] if loss else []
    return found


async def certain_losses(
    losses: list[Loss], client: BaseDBAsyncClient, created: set[str]
) -> list[str]:
    """The lines of losses that are some with the rows that there are now.

    Args:
        losses: of a plan.
        client: the database.
        created: tables that the plan creates, which have no rows. Another one that is missing gets
            its name by the plan, so it may have some.
    """
    certain = []
    for loss in losses:
        if loss.table is not None:
            if not await table_exists(client, loss.table, loss.schema):
                if loss.table in created:
                    continue
            elif not await has_rows(client, loss.table, loss.schema):
                continue
        certain.append(loss.text)
    return certain


def created_tables(migration: Migration) -> set[str]:
    """Tables that applying a migration creates."""
    return {
        str((operation.options or {}).get("table") or operation.name.lower())
        for operation in migration.operations
        if isinstance(operation, CreateModel)
    }


def operation_loss(operation: Operation, app: str, state: State) -> Loss | None:
    """What an operation loses when it is applied, or None.

    Args:
        operation: the operation.
        app: label of its app.
        state: the models before it.
    """
    if isinstance(operation, (DeleteModel, RemoveField, DropSchema)):
        return Loss(_dropped(operation))
    if isinstance(operation, AlterField):
        return _altered(operation, app, state)
    if isinstance(operation, AddField):
        unique = getattr(operation.field, "unique", False) and has_filling(operation.field)
        return _unique(operation.model_name, operation.name, app, state) if unique else None
    if isinstance(operation, AddConstraint):
        return _constrained(operation, app, state)
    if isinstance(operation, RunSQL):
        return _sql_loss(operation.sql)
    return None


def _dropped(operation: DeleteModel | RemoveField | DropSchema) -> str:
    if isinstance(operation, DeleteModel):
        return f"drops the table of {operation.name}"
    if isinstance(operation, RemoveField):
        return f"drops column {operation.model_name}.{operation.name}"
    return f"drops schema {operation.schema_name}"


def _altered(operation: AlterField, app: str, state: State) -> Loss | None:
    column = f"{operation.model_name}.{operation.name}"
    new = operation.field
    model = state.models.get((app, operation.model_name))
    old = None if model is None else model.fields.get(operation.name)
    if old is None or not isinstance(new, Field):
        return Loss(f"changes column {column}")
    reason = narrowing(old, new)
    if reason is not None:
        return Loss(f"narrows column {column}: {reason}")
    if new.unique and not old.unique:
        return _unique(operation.model_name, operation.name, app, state)
    return None


def _constrained(operation: AddConstraint, app: str, state: State) -> Loss:
    constraint = operation.constraint
    if isinstance(constraint, UniqueConstraint):
        return _unique(operation.model_name, ", ".join(constraint.fields), app, state)
    loss = _unique(operation.model_name, "", app, state)
    return replace(loss, text=f"checks {constraint.check} in the rows of {operation.model_name}")


def _unique(model_name: str, fields: str, app: str, state: State) -> Loss:
    """Uniqueness that rows may not have."""
    model = state.models.get((app, model_name))
    text = f"makes {model_name}.{fields} unique"
    if model is None:
        return Loss(text)
    return Loss(text, model.table, model.options.get("schema"))


def narrowing(old: Any, new: Any) -> str | None:
    """Why a column that changes from ``old`` to ``new`` may lose values, or None."""
    if old.null and not new.null:
        return "NULL is no longer allowed"
    if type(old) is not type(new):
        return f"type {type(old).__name__} becomes {type(new).__name__}"
    if getattr(old, "model_name", None) != getattr(new, "model_name", None):
        return f"it refers to {new.model_name} and no longer to {old.model_name}"
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


def _sql_loss(sql: Any) -> Loss | None:
    word = _SQL_WORDS.search(str(sql))
    return None if word is None else Loss(f"runs SQL with {word[1].upper()}")
