"""``Model.objects``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, overload

from tortoise.expressions import Q
from tortoise.manager import Manager as TortoiseManager
from tortoise.models import Model
from tortoise.queryset import BulkCreateQuery, QuerySet, QuerySetSingle


class Manager[M: Model](TortoiseManager):
    """Makes querysets of a model. Subclass it and override :meth:`get_queryset` to narrow them.

    What is not defined here is taken from the queryset.
    """

    _model: type[M]

    @overload
    def __get__[Owner: Model](self, instance: None, owner: type[Owner]) -> Manager[Owner]: ...

    @overload
    def __get__[Owner: Model](self, instance: Model, owner: type[Owner]) -> Manager[Owner]: ...

    def __get__[Owner: Model](self, instance: Model | None, owner: type[Owner]) -> Manager[Owner]:
        if instance is not None:
            raise AttributeError(f"managers belong to the class: use {owner.__name__}.objects")
        kind: Any = type(self)
        bound: Manager[Owner] = kind.__new__(kind)
        bound.__dict__.update(self.__dict__)
        bound._model = owner
        return bound

    def get_queryset(self) -> QuerySet[M]:
        """All rows."""
        return QuerySet(self._model)

    def all(self) -> QuerySet[M]:
        """All rows."""
        return self.get_queryset()

    def filter(self, *args: Q, **kwargs: Any) -> QuerySet[M]:
        """Rows that fulfil all conditions."""
        return self.get_queryset().filter(*args, **kwargs)

    def exclude(self, *args: Q, **kwargs: Any) -> QuerySet[M]:
        """Rows that do not fulfil all conditions."""
        return self.get_queryset().exclude(*args, **kwargs)

    def get(self, *args: Q, **kwargs: Any) -> QuerySetSingle[M]:
        """The one row that fulfils all conditions.

        Raises:
            tortoise.exceptions.DoesNotExist: there is none.
            tortoise.exceptions.MultipleObjectsReturned: there are several.
        """
        return self.get_queryset().get(*args, **kwargs)

    def get_or_none(self, *args: Q, **kwargs: Any) -> QuerySetSingle[M | None]:
        """The one row that fulfils all conditions, or None."""
        return self.get_queryset().get_or_none(*args, **kwargs)

    async def create(self, **kwargs: Any) -> M:
        """Insert a row."""
        return await self._model.create(**kwargs)

    async def get_or_create(
        self, defaults: dict[str, Any] | None = None, **kwargs: Any
    ) -> tuple[M, bool]:
        """The row with these values, and whether it was made now."""
        return await self._model.get_or_create(defaults, **kwargs)

    async def update_or_create(
        self, defaults: dict[str, Any] | None = None, **kwargs: Any
    ) -> tuple[M, bool]:
        """Change the row with these values, or make it; and whether it was made."""
        return await self._model.update_or_create(defaults, **kwargs)

    def bulk_create(
        self, objects: Iterable[M], batch_size: int | None = None, **kwargs: Any
    ) -> BulkCreateQuery[M]:
        """Insert many rows at once."""
        return self._model.bulk_create(objects, batch_size, **kwargs)
