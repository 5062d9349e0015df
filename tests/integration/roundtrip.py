"""What every database has to give back as it was given. Shared by the tests of all of them."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from integration.kinds.models import Kinds

from fastapp.exceptions import UnstorableValue

SHANGHAI = ZoneInfo("Asia/Shanghai")
EMOJI = "清空 🚀 é ñ \u202e \\ ' \" % _ ; \x1a"

VALUES = {
    "text": EMOJI,
    "long_text": "行\n" * 5000,
    "price": Decimal("12345678901234.567891"),
    "ratio": 5e-324,
    "count": -(2**63),
    "flag": True,
    "data": {"色": ["红", None, 1.5, {"深": True}], "🚀": "'\\\""},
    "moment": dt.datetime(2026, 2, 28, 23, 59, 59, 123456, tzinfo=SHANGHAI),
    "day": dt.date(2024, 2, 29),
    "span": dt.timedelta(days=3, seconds=4, microseconds=5),
    "token": uuid.UUID("12345678-1234-5678-1234-567812345678"),
    "blob": bytes(range(256)),
}


async def check_all_kinds() -> None:
    """Values of every kind come back equal, and of the same type."""
    made = await Kinds.objects.create(**VALUES)
    row = await Kinds.objects.get(id=made.id)
    for name, value in VALUES.items():
        got = getattr(row, name)
        assert got == value, name
        assert isinstance(got, type(value)), name
    assert row.moment is not None
    assert row.moment.utcoffset() == dt.timedelta(hours=8)


async def check_null() -> None:
    """NULL comes back as None in every kind of field."""
    made = await Kinds.objects.create(text="", price=Decimal(0))
    row = await Kinds.objects.get(id=made.id)
    nullable = set(VALUES) - {"text", "price", "flag"}
    assert {name: getattr(row, name) for name in nullable} == dict.fromkeys(nullable)
    assert row.text == ""
    assert await Kinds.objects.filter(data__isnull=True, id=made.id).exists()


async def check_moments() -> None:
    """A moment is the same moment in whatever zone it is written and asked for."""
    moment = dt.datetime(2026, 6, 1, 20, 0, tzinfo=dt.UTC)
    made = await Kinds.objects.create(text="zone", price=Decimal(1))
    # Assigned, not given to the constructor, which would convert it.
    made.moment = moment
    await made.save()
    row = await Kinds.objects.get(id=made.id)
    assert row.moment == moment
    assert row.moment.isoformat() == "2026-06-02T04:00:00+08:00"
    later = moment.astimezone(ZoneInfo("America/New_York")) + dt.timedelta(seconds=1)
    assert await Kinds.objects.filter(text="zone", moment__lt=later).exists()
    assert not await Kinds.objects.filter(text="zone", moment__gt=later).exists()
    assert await Kinds.objects.filter(text="zone", moment=moment).exists()


async def check_numbers_are_finite() -> None:
    """Infinities and NaN are refused by the field, whatever way they take to the database."""
    row = await Kinds.objects.create(text="finite", price=Decimal(1), ratio=0.5)
    for kind, name in ((float, "ratio"), (Decimal, "price")):
        for text in ("inf", "-inf", "nan"):
            values = {"text": "not finite", "price": Decimal(1), name: kind(text)}
            expected = f"{name}: expected a finite number, got .*{text[-3:]}"
            with pytest.raises(UnstorableValue, match=f"(?i){expected}"):
                await Kinds.objects.create(**values)
            with pytest.raises(UnstorableValue, match=f"(?i){expected}"):
                await Kinds.objects.bulk_create([Kinds(**values)])
            with pytest.raises(UnstorableValue, match=f"(?i){expected}"):
                await Kinds.objects.filter(id=row.id).update(**{name: kind(text)})
            with pytest.raises(UnstorableValue, match=f"(?i){expected}"):
                setattr(row, name, kind(text))
                await row.save()
    assert not await Kinds.objects.filter(text="not finite").exists()
    stored = await Kinds.objects.get(id=row.id)
    assert (stored.ratio, stored.price) == (0.5, Decimal(1))
