"""Fields that differ from those of Tortoise ORM."""

from __future__ import annotations

import datetime
import json
import math
from contextlib import suppress
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

from tortoise.fields import DatetimeField
from tortoise.fields import DecimalField as TortoiseDecimalField
from tortoise.fields import FloatField as TortoiseFloatField
from tortoise.fields import JSONField as TortoiseJSONField
from tortoise.timezone import get_default_timezone

from fastapp.exceptions import UnstorableValue

T = TypeVar("T")
T_FLOAT = TypeVar("T_FLOAT", float, float | None)
T_DECIMAL = TypeVar("T_DECIMAL", Decimal, Decimal | None)
T_DATETIME = TypeVar("T_DATETIME", datetime.datetime, datetime.datetime | None)


class DateTimeField(DatetimeField[T_DATETIME]):
    """A moment, aware of its time zone.

    Databases are given local time of TIME_ZONE and give it back as such. The drivers need that:
    asyncmy writes the wall clock of a value and drops its offset, and SQLite compares moments as
    text, so a value in another zone has to be converted before either sees it.
    """

    def to_db_value(self, value: Any, instance: Any) -> Any:
        """The value in TIME_ZONE; naive values are taken as local time of it, with a warning.

        Raises:
            UnstorableValue: the moment is before year 1 or after year 9999 in TIME_ZONE.
        """
        try:
            value = super().to_db_value(value, instance)
            if isinstance(value, datetime.datetime) and value.tzinfo is not None:
                return value.astimezone(get_default_timezone())
        except OverflowError:
            raise self._too_far() from None
        return value

    def to_python_value(self, value: Any) -> Any:
        """The moment in TIME_ZONE, for a model that is made.

        Raises:
            UnstorableValue: as in :meth:`to_db_value`.
        """
        if isinstance(value, str):
            # SQLite gives text. Before time zones had whole minutes their offsets have seconds,
            # which the parser of Tortoise ORM does not know.
            with suppress(ValueError):
                value = datetime.datetime.fromisoformat(value)
        try:
            return super().to_python_value(value)
        except OverflowError:
            raise self._too_far() from None

    def _too_far(self) -> UnstorableValue:
        return UnstorableValue(
            self.model_field_name, "a moment between the years 1 and 9999 in TIME_ZONE"
        )


class FloatField(TortoiseFloatField[T_FLOAT]):
    """A number of double precision.

    Infinities and NaN are refused: MySQL has none (asyncmy sends it ``-infe0``), SQLite makes NULL
    of NaN.
    """

    def to_db_value(self, value: Any, instance: Any) -> Any:
        """The number.

        Raises:
            UnstorableValue: it is an infinity or NaN.
        """
        value = super().to_db_value(value, instance)
        if isinstance(value, float) and not math.isfinite(value):
            raise UnstorableValue(self.model_field_name, "a finite number", value)
        return value


class DecimalField(TortoiseDecimalField[T_DECIMAL]):
    """An exact decimal number, never an infinity or NaN."""

    def to_db_value(self, value: Any, instance: Any) -> Any:
        """The number.

        Raises:
            UnstorableValue: it is an infinity or NaN.
        """
        value = super().to_db_value(value, instance)
        if isinstance(value, Decimal) and not value.is_finite():
            raise UnstorableValue(self.model_field_name, "a finite number", value)
        return value

    def to_python_value(self, value: Any) -> Any:
        """The number, for a model that is made.

        Raises:
            UnstorableValue: it is an infinity or NaN, or has more digits than a decimal may have.
        """
        try:
            return super().to_python_value(value)
        except InvalidOperation:
            raise UnstorableValue(self.model_field_name, "a finite number", value) from None


def dump_json(value: Any) -> str:
    """Compact JSON; characters of all scripts are written as they are.

    Raises:
        ValueError: the value has a NaN, an infinity or half a character, which no database takes.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    # A lone surrogate is a str to Python and nothing that can be sent.
    text.encode()
    return text


class JSONField(TortoiseJSONField[T]):
    """A value made of dictionaries, lists, strings, numbers, booleans and None.

    The encoder is fixed: Tortoise ORM takes orjson when that is installed, and writes the choice
    into migrations, so that installing a package would be a change of the schema.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(encoder=dump_json, decoder=json.loads, **kwargs)

    def to_db_value(self, value: Any, instance: Any) -> Any:
        """The value as JSON text.

        Raises:
            UnstorableValue: it has a NaN, an infinity or half a character.
        """
        try:
            return super().to_db_value(value, instance)
        except ValueError:
            raise UnstorableValue(
                self.model_field_name, "JSON without NaN, infinities and lone surrogates"
            ) from None
