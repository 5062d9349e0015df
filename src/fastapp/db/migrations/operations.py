"""Operations that those of Tortoise ORM do not cover. Migrations import them from here."""

from __future__ import annotations

from tortoise.migrations.operations import RenameModel as TortoiseRenameModel
from tortoise.migrations.schema_generator.state import State


class RenameModel(TortoiseRenameModel):
    """Renames a model whose table is not named after it.

    The base class takes a table with the name of its model for one without ``Meta.table``, and
    renames it with the model.
    """

    def __init__(self, old_name: str, new_name: str, table: str) -> None:
        super().__init__(old_name, new_name)
        self.table = table

    def state_forward(self, app_label: str, state: State) -> None:
        """Rename the model; its table has the name that is given here."""
        super().state_forward(app_label, state)
        model = state.models[(app_label, self.new_name)]
        model.table = self.table
        model.options["table"] = self.table
        state.reload_model(app_label, self.new_name)
