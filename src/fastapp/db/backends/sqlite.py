"""SQLite: the folder is made at the first use, and a file that cannot be opened says why."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from tortoise.backends.sqlite.client import SqliteClient
from tortoise.exceptions import DBConnectionError

#: Milliseconds that a statement waits for another process that writes.
BUSY_TIMEOUT_MS = 5000


class SQLiteClient(SqliteClient):
    """Opens the database file, making its folder when that is missing."""

    def __init__(self, file_path: str, **kwargs: Any) -> None:
        kwargs.setdefault("busy_timeout", BUSY_TIMEOUT_MS)
        super().__init__(file_path, **kwargs)

    async def create_connection(self, with_db: bool) -> None:
        """Open the file.

        Raises:
            DBConnectionError: the file or its folder cannot be written.
        """
        try:
            if not self.filename.startswith((":", "file:")):
                Path(self.filename).parent.mkdir(parents=True, exist_ok=True)
            await super().create_connection(with_db)
        except (OSError, sqlite3.OperationalError) as exc:
            await self.close()
            raise DBConnectionError(
                f"cannot open the SQLite database {self.filename}: {exc}. Fix: set QK_DATA_DIR "
                "to a folder that this process may write."
            ) from exc


client_class = SQLiteClient
