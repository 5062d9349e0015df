"""Finding changes of models and writing migrations for them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tortoise.context import TortoiseContext
from tortoise.migrations.autodetector import MigrationAutodetector
from tortoise.migrations.operations import Operation
from tortoise.migrations.writer import MigrationWriter, format_migration_name

from fastapp.db.config import migratable_apps
from fastapp.db.migrations.destructive import operation_loss
from fastapp.db.migrations.loading import migrated_apps

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
    """

    label: str
    name: str
    operations: list[str]
    losses: list[str]
    writer: MigrationWriter

    def write(self) -> Path:
        """Write the file and return its path."""
        path = self.writer.write()
        path.write_text(HEADER + path.read_text(encoding="utf-8"), encoding="utf-8")
        return path


async def new_migrations(
    context: TortoiseContext,
    labels: Sequence[str],
    *,
    name: str | None = None,
    empty: bool = False,
) -> list[NewMigration]:
    """Migrations for what changed in the models since the last one; nothing is written.

    Args:
        context: the open databases; they are not asked.
        labels: apps to look at, which must have a ``migrations`` package.
        name: name of the migrations, without the number.
        empty: make one without operations for each app, to be filled by hand.
    """
    entries = migratable_apps()
    configs = {label: entries[label] for label in labels}
    if not configs or context.apps is None:
        return []
    # Relations cross apps, so the history of all is read even when only some are asked for.
    detector = MigrationAutodetector(context.apps, {**migrated_apps(), **configs})
    await detector.loader.build_graph()
    old = await detector._project_state()
    writers = await _empty(detector, configs) if empty else await detector.changes()
    found = []
    for writer in writers:
        if writer.app_label not in configs:
            continue
        writer.name = _name(writer, name)
        state = old.clone()
        losses = [operation_loss(item, writer.app_label, state) for item in writer.operations]
        found.append(
            NewMigration(
                writer.app_label,
                writer.name,
                [operation.describe() for operation in writer.operations],
                [text for text in losses if text],
                writer,
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
