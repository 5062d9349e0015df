"""Types for the Pydantic models of an app's serializers."""

from __future__ import annotations

from typing import Annotated, TypeVar

from pydantic import BeforeValidator

T = TypeVar("T")

#: Rows of a relation that was fetched (``prefetch_related`` or ``fetch_related``), as a list.
RelatedList = Annotated[list[T], BeforeValidator(list)]
