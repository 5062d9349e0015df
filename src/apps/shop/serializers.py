"""What the endpoints take and give."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from apps.shop.models import OrderStatus
from fastapp.rest.fields import RelatedList

Price = Annotated[Decimal, Field(ge=0, max_digits=12, decimal_places=2)]


class ProductIn(BaseModel):
    """A product to make."""

    model_config = ConfigDict(extra="forbid")

    sku: Annotated[str, Field(min_length=1, max_length=64)]
    name: Annotated[str, Field(min_length=1, max_length=200)]
    description: str | None = None
    price: Price
    attributes: dict[str, Any] = {}
    released_at: AwareDatetime | None = None


class ProductOut(BaseModel):
    """A product."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    sku: str
    name: str
    description: str | None
    price: Decimal
    attributes: dict[str, Any]
    released_at: datetime | None
    created_at: datetime


class OrderLineIn(BaseModel):
    """A line of an order to make."""

    model_config = ConfigDict(extra="forbid")

    product_id: int
    quantity: Annotated[int, Field(ge=1, le=10_000)]


class OrderIn(BaseModel):
    """An order to make."""

    model_config = ConfigDict(extra="forbid")

    customer: Annotated[str, Field(min_length=1, max_length=200)]
    note: str | None = None
    lines: Annotated[list[OrderLineIn], Field(min_length=1, max_length=100)]


class OrderLineOut(BaseModel):
    """A line of an order."""

    model_config = ConfigDict(from_attributes=True)

    product_id: int
    quantity: int
    price: Decimal


class OrderOut(BaseModel):
    """An order with its lines."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    customer: str
    note: str | None
    status: OrderStatus
    total: Decimal
    created_at: datetime
    lines: RelatedList[OrderLineOut]
