"""Transactions on a connection that is held for longer than they last."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from tortoise.backends.base.client import TransactionContext
from tortoise.connection import get_connections


class SessionTransaction(TransactionContext):
    """A transaction on the connection of a session, which it does not give back."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.connection_name = client.connection_name

    async def ensure_connection(self) -> None:
        """Do nothing: the session has opened it."""

    async def __aenter__(self) -> Any:
        self.token = get_connections().set(self.connection_name, self.client)
        try:
            await self.client.begin()
        except BaseException:
            get_connections().reset(self.token)
            raise
        return self.client

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if not self.client._finalized:
                await (self.client.commit() if kind is None else self.client.rollback())
        finally:
            get_connections().reset(self.token)
