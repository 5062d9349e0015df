"""Endpoints of the shop."""

from __future__ import annotations

from decimal import Decimal

from apps.shop.models import Order, OrderLine, Product
from apps.shop.serializers import OrderIn, ProductIn
from fastapp.db.transaction import atomic
from fastapp.rest.exceptions import BadRequest, Conflict
from fastapp.rest.pagination import PageOf, Pagination


async def list_products(pagination: Pagination) -> PageOf[Product]:
    """Products, oldest first."""
    return await pagination.page(Product.objects.all())


async def create_product(data: ProductIn) -> Product:
    """Make a product; its SKU must be new."""
    if await Product.objects.filter(sku=data.sku).exists():
        raise Conflict(f"There is a product with the SKU {data.sku!r} already.")
    return await Product.objects.create(**data.model_dump())


async def retrieve_product(id: int) -> Product:
    """One product."""
    return await Product.objects.get(id=id)


async def list_orders(pagination: Pagination) -> PageOf[Order]:
    """Orders with their lines, oldest first."""
    return await pagination.page(Order.objects.all().prefetch_related("lines"))


async def create_order(data: OrderIn) -> Order:
    """Make an order at the prices of now; all of it or nothing."""
    quantities = {line.product_id: line.quantity for line in data.lines}
    if len(quantities) != len(data.lines):
        raise BadRequest("A product may be in one line only.")
    async with atomic():
        products = await Product.objects.filter(id__in=list(quantities))
        missing = sorted(set(quantities) - {product.id for product in products})
        if missing:
            raise BadRequest("There is no such product.", detail={"product_id": missing})
        total = sum((product.price * quantities[product.id] for product in products), Decimal(0))
        order = await Order.objects.create(customer=data.customer, note=data.note, total=total)
        await OrderLine.objects.bulk_create(
            OrderLine(
                order=order,
                product=product,
                quantity=quantities[product.id],
                price=product.price,
            )
            for product in products
        )
    await order.fetch_related("lines")
    return order


async def retrieve_order(id: int) -> Order:
    """One order with its lines."""
    return await Order.objects.get(id=id).prefetch_related("lines")
