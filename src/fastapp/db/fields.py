"""Fields that differ from those of Tortoise ORM."""

from __future__ import annotations

import datetime
import json
from typing import Any, TypeVar

from tortoise.fields import DatetimeField
from tortoise.fields import JSONField as TortoiseJSONField
from tortoise.timezone import get_default_timezone

T = TypeVar("T")
T_DATETIME = TypeVar("T_DATETIME", datetime.datetime, datetime.datetime | None)


class DateTimeField(DatetimeField[T_DATETIME]):
    """A moment, aware of its time zone.

    Databases are given local time of TIME_ZONE and give it back as such. The drivers need that:
    asyncmy writes the wall clock of a value and drops its offset, and SQLite compares moments as
    text, so a value in another zone has to be converted before either sees it.
    """

    def to_db_value(self, value: Any, instance: Any) -> Any:
        """The value in TIME_ZONE; naive values are taken as local time of it, with a warning."""
        value = super().to_db_value(value, instance)
        if isinstance(value, datetime.datetime) and value.tzinfo is not None:
            return value.astimezone(get_default_timezone())
        return value


def dump_json(value: Any) -> str:
    """Compact JSON; characters of all scripts are written as they are.

    Raises:
        ValueError: the value has a NaN or an infinity, which no database takes.
    """
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


class JSONField(TortoiseJSONField[T]):
    """A value made of dictionaries, lists, strings, numbers, booleans and None.

    The encoder is fixed: Tortoise ORM takes orjson when that is installed, and writes the choice
    into migrations, so that installing a package would be a change of the schema.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(encoder=dump_json, decoder=json.loads, **kwargs)
