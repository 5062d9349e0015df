"""Products, orders and the lines of orders."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Any

from fastapp.db import models


class OrderStatus(StrEnum):
    """Where an order is on its way."""

    NEW = "new"
    PAID = "paid"
    SHIPPED = "shipped"
    CANCELLED = "cancelled"


class Product(models.Model):
    """Something to sell."""

    sku = models.CharField(max_length=64, unique=True)
    name = models.CharField(max_length=200)
    description = models.TextField(null=True)
    price = models.DecimalField(max_digits=12, decimal_places=2)
    attributes: dict[str, Any] = models.JSONField(default=dict)
    released_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        table = "shop_product"
        ordering = ("id",)

    def __str__(self) -> str:
        return self.name


class Order(models.Model):
    """An order of a customer; its lines keep the price of the day."""

    customer = models.CharField(max_length=200)
    note = models.TextField(null=True)
    status = models.CharEnumField(OrderStatus, max_length=16, default=OrderStatus.NEW)
    total = models.DecimalField(max_digits=14, decimal_places=2, default=Decimal("0.00"))
    created_at = models.DateTimeField(auto_now_add=True)

    lines: models.ReverseRelation[OrderLine]

    class Meta:
        table = "shop_order"
        ordering = ("id",)

    def __str__(self) -> str:
        return f"order {self.id} of {self.customer}"


class OrderLine(models.Model):
    """One product in an order."""

    order: models.ForeignKeyRelation[Order] = models.ForeignKey(
        "shop.Order", related_name="lines", on_delete=models.CASCADE
    )
    product: models.ForeignKeyRelation[Product] = models.ForeignKey(
        "shop.Product", related_name="lines", on_delete=models.RESTRICT
    )
    quantity = models.IntegerField()
    price = models.DecimalField(max_digits=12, decimal_places=2)

    product_id: int

    class Meta:
        table = "shop_order_line"
        ordering = ("id",)
        unique_together = (("order", "product"),)
