"""Pagination of lists. There is always a maximum: no request can ask for a whole table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Query
from pydantic import BaseModel, ConfigDict
from starlette.requests import Request
from tortoise.models import Model
from tortoise.queryset import QuerySet

from fastapp.conf import settings

#: Larger pages numbers than any table needs; keeps OFFSET within what databases take.
MAX_PAGE = 1_000_000_000


@dataclass(frozen=True, slots=True)
class PageOf[T]:
    """One page of rows, as an endpoint returns it; see :class:`Page` for the answer."""

    count: int
    next: str | None
    previous: str | None
    results: list[T]


class Page[T](BaseModel):
    """One page of a list, as the client gets it: ``response_model=Page[ProductOut]``.

    Attributes:
        count: rows in the whole list.
        next: URL of the next page, or None.
        previous: URL of the previous page, or None.
        results: the rows of this page.
    """

    model_config = ConfigDict(from_attributes=True)

    count: int
    next: str | None
    previous: str | None
    results: list[T]


class PageNumberPagination:
    """``?page=2&page_size=50``. A page size above MAX_PAGE_SIZE is taken as MAX_PAGE_SIZE.

    Use it as a dependency: ``pagination: Pagination``, then ``await pagination.page(queryset)``.
    """

    def __init__(
        self,
        request: Request,
        page: Annotated[int, Query(ge=1, le=MAX_PAGE, description="Page, from 1.")] = 1,
        page_size: Annotated[
            int | None, Query(ge=1, description="Rows on a page; there is a maximum.")
        ] = None,
    ) -> None:
        self.request = request
        self.number = page
        self.size = min(page_size or settings.DEFAULT_PAGE_SIZE, settings.MAX_PAGE_SIZE)

    async def page[M: Model](self, queryset: QuerySet[M]) -> PageOf[M]:
        """Fetch the page. Give the queryset an order, or pages may repeat rows."""
        count = await queryset.count()
        offset = (self.number - 1) * self.size
        rows = await queryset.offset(offset).limit(self.size) if offset < count else []
        return PageOf(
            count=count,
            next=self._url(self.number + 1) if offset + self.size < count else None,
            previous=self._url(self.number - 1) if self.number > 1 else None,
            results=list(rows),
        )

    def _url(self, number: int) -> str:
        return str(self.request.url.include_query_params(page=number))


Pagination = Annotated[PageNumberPagination, Depends(PageNumberPagination)]
