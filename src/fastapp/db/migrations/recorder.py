"""The history of a database: which migrations are applied."""

from __future__ import annotations

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.migrations.graph import MigrationKey
from tortoise.migrations.recorder import MigrationRecorder

from fastapp.db.migrations.tables import table_exists


class Recorder(MigrationRecorder):
    """Looks for the table before it is made or read.

    The base class makes it "if not exists", of which MySQL warns each time, and takes every error
    of a query for a missing table.
    """

    async def ensure_schema(self, schema_editor: object) -> None:
        """Make the table when there is none."""
        if not await table_exists(self.connection, self.table_name):
            await super().ensure_schema(schema_editor)

    async def applied_migrations(self) -> list[MigrationKey]:
        """Applied ones, in the order in which they were."""
        if not await table_exists(self.connection, self.table_name):
            return []
        rows = await self.connection.execute_query_dict(
            f"SELECT {self._quote('app')}, {self._quote('name')} "
            f"FROM {self._quote(self.table_name)} "
            f"ORDER BY {self._quote('applied_at')}, {self._quote('app')}, {self._quote('name')}"
        )
        return [MigrationKey(app_label=row["app"], name=row["name"]) for row in rows]

    def through(self, client: BaseDBAsyncClient) -> Recorder:
        """The same table through another client, such as a transaction."""
        return Recorder(client, table_name=self.table_name)
