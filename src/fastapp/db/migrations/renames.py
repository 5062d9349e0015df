"""Renames of fields and models, which are never guessed.

A field that is gone and a new one of the same type are two fields: what the old one held is not
what the new one means, unless a person says so with ``--rename``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tortoise.fields.relational import ForeignKeyFieldInstance
from tortoise.migrations.operations import (
    AddField,
    Operation,
    RemoveField,
    RenameField,
    TortoiseOperation,
)
from tortoise.migrations.schema_generator.operation_generator import ModelKey, OperationGenerator
from tortoise.migrations.schema_generator.state import ModelState, State
from tortoise.migrations.schema_generator.state_diff import _field_signature

from fastapp.db.migrations.operations import RenameForeignKey, RenameModel
from fastapp.exceptions import CommandError


@dataclass(frozen=True, slots=True)
class Rename:
    """A rename that was asked for.

    Attributes:
        app: label of the app.
        operation: what carries it out.
    """

    app: str
    operation: RenameField | RenameModel


class ExactGenerator(OperationGenerator):
    """Compares models by name. What looks like a rename is kept in ``guesses``."""

    def __init__(self, old_state: State, new_state: State) -> None:
        super().__init__(old_state, new_state)
        self.guesses: list[str] = []

    def _match_renamed_models(
        self, old_keys: list[ModelKey], new_keys: list[ModelKey]
    ) -> dict[ModelKey, ModelKey]:
        gone = [key for key in old_keys if key not in new_keys]
        for new in new_keys:
            for old in gone:
                if new not in old_keys and self._fields(old) == self._fields(new, self.new_state):
                    self.guesses.append(f"{old[1]}:{new[1]}")
        return {}

    def _fields(self, key: ModelKey, state: State | None = None) -> dict[str, object]:
        fields = (state or self.old_state).models[key].fields
        return {name: _field_signature(field) for name, field in fields.items()}

    def generate(self, app_labels: Sequence[str] | None = None) -> list[TortoiseOperation]:
        """The operations; a field that the base class takes for renamed is dropped and added."""
        found: list[TortoiseOperation] = []
        for operation in super().generate(app_labels):
            if not isinstance(operation, RenameField):
                found.append(operation)
                continue
            name, old, new = operation.model_name, operation.old_name, operation.new_name
            self.guesses.append(f"{name}.{old}:{new}")
            field = next(
                model.fields[new]
                for key, model in self.new_state.models.items()
                if key[1] == name and (not app_labels or key[0] in app_labels)
            )
            found += [RemoveField(name, old), AddField(name, new, field)]
        return found


def apply_renames(renames: Iterable[str], old: State, new: State) -> list[Rename]:
    """Rename in the old models what was asked for, so that only other changes are left.

    Args:
        renames: such as "Item.size:weight" or "Item:Product", with or without the app before it,
            or "size:weight" where one model only can be meant.
        old: the models of the migrations; changed.
        new: the models of the code.

    Raises:
        CommandError: a text is no rename of what is gone to what is new.
    """
    found = []
    for text in renames:
        rename = _parse(text, old, new)
        rename.operation.state_forward(rename.app, old)
        found.append(rename)
    return found


def operations_of(app: str, renames: Iterable[Rename]) -> list[Operation]:
    """The operations of an app's renames."""
    return [rename.operation for rename in renames if rename.app == app]


def _parse(text: str, old: State, new: State) -> Rename:
    left, separator, target = text.partition(":")
    parts = left.split(".")
    if not (separator and target.isidentifier() and len(parts) <= 3 and all(parts)):
        raise CommandError(
            f"makemigrations: --rename={text}: expected Model.old:new or OldModel:NewModel, with "
            f"or without 'app.' before it. Fix: write it so.",
            exit_code=2,
        )
    found = [*_models(parts, target, old, new), *_fields(parts, target, old, new)]
    if len(found) == 1:
        return found[0]
    problem = (
        "several models have such a field"
        if found
        else "nothing of this name is gone, or was added"
    )
    choices = ", ".join(_candidates(old, new)) or "there is nothing that could be renamed"
    raise CommandError(
        f"makemigrations: --rename={text}: {problem}. Fix: give one of: {choices}.", exit_code=2
    )


def _models(parts: list[str], target: str, old: State, new: State) -> list[Rename]:
    if len(parts) > 2:
        return []
    *app, name = parts
    return [
        Rename(key[0], RenameModel(name, target, new.models[(key[0], target)].table))
        for key in old.models
        if key[1] == name
        and (not app or [key[0]] == app)
        and key not in new.models
        and (key[0], target) in new.models
        and (key[0], target) not in old.models
    ]


def _renaming(field: object) -> type[RenameField]:
    return RenameForeignKey if isinstance(field, ForeignKeyFieldInstance) else RenameField


def _fields(parts: list[str], target: str, old: State, new: State) -> list[Rename]:
    *place, name = parts
    return [
        Rename(key[0], _renaming(before.fields[name])(key[1], name, target))
        for key, before, after in _common(old, new)
        if place in ([], [key[1]], list(key))
        and name in before.fields
        and name not in after.fields
        and target in after.fields
        and target not in before.fields
    ]


def _common(old: State, new: State) -> list[tuple[ModelKey, ModelState, ModelState]]:
    return [(key, old.models[key], new.models[key]) for key in old.models if key in new.models]


def _candidates(old: State, new: State) -> list[str]:
    fields = [
        f"{key[1]}.{gone}:{added}"
        for key, before, after in _common(old, new)
        for gone in before.fields
        if gone not in after.fields
        for added in after.fields
        if added not in before.fields
    ]
    models = [
        f"{gone[1]}:{added[1]}"
        for gone in old.models
        if gone not in new.models
        for added in new.models
        if added not in old.models and added[0] == gone[0]
    ]
    return sorted(fields + models)
