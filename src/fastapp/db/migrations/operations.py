"""Operations that those of Tortoise ORM do not cover. Migrations import them from here."""

from __future__ import annotations

from tortoise.migrations.operations import RenameField
from tortoise.migrations.operations import RenameModel as TortoiseRenameModel
from tortoise.migrations.schema_generator.state import State


class RenameModel(TortoiseRenameModel):
    """Renames a model that others refer to, or whose table is not named after it.

    The base class leaves others with the relations that the old name gave them, and takes a table
    with the name of its model for one without ``Meta.table``, which it renames with the model.
    """

    def __init__(self, old_name: str, new_name: str, table: str) -> None:
        super().__init__(old_name, new_name)
        self.table = table

    def state_forward(self, app_label: str, state: State) -> None:
        """Rename the model; its table has the name that is given here."""
        old, new = (app_label, self.old_name), (app_label, self.new_name)
        related = state._find_related_models(*old)
        super().state_forward(app_label, _NotReloaded(state.models, state.apps))
        model = state.models[new]
        model.table = self.table
        model.options["table"] = self.table
        state._reload((related - {old}) | {new})


class RenameForeignKey(RenameField):
    """Renames a foreign key with its column.

    The base class renames the column, and does not know of it afterwards.
    """

    def state_forward(self, app_label: str, state: State) -> None:
        """Rename the field, and the column that is named after it."""
        super().state_forward(app_label, state)
        field = state.models[(app_label, self.model_name)].fields[self.new_name]
        if field.source_field == f"{self.old_name}_id":
            field.source_field = f"{self.new_name}_id"
            state.reload_model(app_label, self.model_name)


class _NotReloaded(State):
    """The same models, which are not made again at once."""

    def reload_model(self, app_label: str, model_name: str) -> None:
        """Do nothing."""
