"""Finding changes of models and writing migrations for them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tortoise.context import TortoiseContext
from tortoise.migrations.autodetector import MigrationAutodetector
from tortoise.migrations.operations import AddField, Operation, RenameField, RenameModel
from tortoise.migrations.schema_generator.state import State
from tortoise.migrations.writer import ImportManager, MigrationWriter, format_migration_name

from fastapp.db.config import migratable_apps
from fastapp.db.migrations.destructive import operation_loss
from fastapp.db.migrations.filling import is_required, no_filling
from fastapp.db.migrations.loading import migrated_apps
from fastapp.db.migrations.operations import RenameForeignKey
from fastapp.db.migrations.operations import RenameModel as RenameModelWithTable
from fastapp.db.migrations.renames import ExactGenerator, apply_renames, operations_of
from fastapp.exceptions import CommandError

_NUMBER = re.compile(r"(\d{4})_")
_MAX_NAME = 60

#: Linters and formatters leave what is generated as it is.
HEADER = "# Written by makemigrations.\n# fmt: off\n# ruff: noqa\n"


@dataclass(frozen=True, slots=True)
class NewMigration:
    """A migration that is not written yet.

    Attributes:
        label: its app.
        name: name of the migration.
        operations: one line for each.
        losses: what applying it will lose, one line for each.
        writer: writes it.
        guesses: what could be renames, as --rename takes them.
    """

    label: str
    name: str
    operations: list[str]
    losses: list[str]
    writer: MigrationWriter
    guesses: list[str]

    def write(self) -> Path:
        """Write the file and return its path.

        Raises:
            CommandError: it cannot be written, or not all of the models can be put into a file.
        """
        try:
            text = self.writer.as_string()
            path = self.writer.path()
            path.write_text(HEADER + text, encoding="utf-8")
        except (ValueError, OSError) as exc:
            raise CommandError(
                f"cannot write migration {self.label}.{self.name}: {exc}. Fix: name defaults and "
                f"validators by functions of a module, and let the folder be writable."
            ) from exc
        return path


async def new_migrations(
    context: TortoiseContext,
    labels: Sequence[str],
    *,
    name: str | None = None,
    empty: bool = False,
    renames: Sequence[str] = (),
) -> list[NewMigration]:
    """Migrations for what changed in the models since the last one; nothing is written.

    Args:
        context: the open databases; they are not asked.
        labels: apps to look at, which must have a ``migrations`` package.
        name: name of the migrations, without the number.
        empty: make one without operations for each app, to be filled by hand.
        renames: what was renamed, such as "Item.size:weight"; nothing else is.

    Raises:
        CommandError: a rename is wrong, or an added field has no value for old rows.
    """
    entries = migratable_apps()
    configs = {label: entries[label] for label in labels}
    if not configs or context.apps is None:
        return []
    # Relations cross apps, so the history of all is read even when only some are asked for.
    detector = MigrationAutodetector(context.apps, {**migrated_apps(), **configs})
    await detector.loader.build_graph()
    old = await detector._project_state()
    changes = _Changes(detector, old, renames)
    writers = await _empty(detector, configs) if empty else changes.writers(configs)
    found = []
    for writer in writers:
        writer.name = _name(writer, name)
        state = old.clone()
        losses = []
        for operation in writer.operations:
            losses.append(operation_loss(operation, writer.app_label, state))
            if isinstance(operation, (RenameField, RenameModel)):
                operation.state_forward(writer.app_label, state)
            _refuse_unfilled(operation, writer)
        found.append(
            NewMigration(
                writer.app_label,
                writer.name,
                [operation.describe() for operation in writer.operations],
                [str(loss) for loss in losses if loss],
                writer,
                changes.guesses.get(writer.app_label, []),
            )
        )
    return found


def _refuse_unfilled(operation: Operation, writer: MigrationWriter) -> None:
    if isinstance(operation, AddField) and is_required(operation.field):
        where = f"app {writer.app_label!r}"
        raise CommandError(no_filling(operation.model_name, operation.name, where))


class _Writer(MigrationWriter):
    """Knows our own operations."""

    def _format_operation(
        self, operation: Operation, imports: ImportManager, *, indent: str
    ) -> list[str]:
        if isinstance(operation, RenameModelWithTable):
            imports.add_module(RenameModelWithTable.__module__)
            names = f"{operation.old_name!r}, {operation.new_name!r}, table={operation.table!r}"
            return [f"{indent}{RenameModelWithTable.__module__}.RenameModel({names}),"]
        if isinstance(operation, RenameForeignKey):
            imports.add_module(RenameForeignKey.__module__)
            names = f"{operation.model_name!r}, {operation.old_name!r}, {operation.new_name!r}"
            return [f"{indent}{RenameForeignKey.__module__}.RenameForeignKey({names}),"]
        return super()._format_operation(operation, imports, indent=indent)


class _Changes:
    """What changed between migrations and models, with the renames that were asked for.

    Attributes:
        guesses: by app, what could have been a rename and was not asked for.
    """

    def __init__(self, detector: MigrationAutodetector, old: State, renames: Sequence[str]) -> None:
        self.detector = detector
        self.before, self.old, self.new = old, old.clone(), detector._current_state()
        self.renames = apply_renames(renames, self.old, self.new)
        self.guesses: dict[str, list[str]] = {}

    def writers(self, configs: dict[str, dict[str, Any]]) -> list[MigrationWriter]:
        """A writer for each app with changes."""
        found: list[MigrationWriter] = []
        for label, entry in configs.items():
            generator = ExactGenerator(self.old, self.new)
            changes = generator.generate([label])
            self.guesses[label] = generator.guesses
            operations = [*operations_of(label, self.renames), *changes]
            if not operations:
                continue
            name, initial = self.detector._migration_name(label, self.before, self.new)
            found.append(
                _Writer(
                    name,
                    label,
                    operations,
                    dependencies=self.detector._dependencies_for_app(label, self.new),
                    initial=initial,
                    migrations_module=entry["migrations"],
                )
            )
        return found


async def _empty(
    detector: MigrationAutodetector, configs: dict[str, dict[str, Any]]
) -> list[MigrationWriter]:
    old, new = await detector._project_state(), detector._current_state()
    writers = []
    for label, entry in configs.items():
        name, initial = detector._migration_name(label, old, new)
        dependencies = sorted((key.app_label, key.name) for key in detector._leaf_nodes(label))
        writers.append(
            MigrationWriter(
                name,
                label,
                [],
                dependencies=dependencies,
                initial=initial,
                migrations_module=entry["migrations"],
            )
        )
    return writers


def _name(writer: MigrationWriter, given: str | None) -> str:
    match = _NUMBER.match(writer.name)
    number = int(match[1]) if match else 1
    if given is not None:
        return format_migration_name(number, given)
    if writer.initial or len(writer.operations) != 1:
        return writer.name
    return format_migration_name(number, _summary(writer.operations[0]))[:_MAX_NAME]


def _summary(operation: Operation) -> str:
    """A name that says what the one operation of a migration does, such as "add_product_sku"."""
    verb = re.match(r"[A-Z][a-z]+", type(operation).__name__)
    parts = [
        getattr(operation, attribute, None)
        for attribute in ("model_name", "old_name", "name", "new_name")
    ]
    return "_".join([verb[0] if verb else "auto", *(str(part) for part in parts if part)])
