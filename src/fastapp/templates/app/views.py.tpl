"""Endpoints of the app."""

from __future__ import annotations

from apps.$name.models import ${class_name}Item
from apps.$name.serializers import ItemIn
from fastapp.rest.pagination import PageOf, Pagination


async def list_items(pagination: Pagination) -> PageOf[${class_name}Item]:
    """Items, oldest first."""
    return await pagination.page(${class_name}Item.objects.all())


async def create_item(data: ItemIn) -> ${class_name}Item:
    """Make an item."""
    return await ${class_name}Item.objects.create(**data.model_dump())


async def retrieve_item(id: int) -> ${class_name}Item:
    """One item."""
    return await ${class_name}Item.objects.get(id=id)
