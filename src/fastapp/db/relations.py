"""Fields that refer to other models, which may be named as in Django.

``"self"`` is the model itself and ``"Product"`` one of the same app; Tortoise ORM takes only
``"shop.Product"``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from tortoise import fields
from tortoise.fields.relational import ForeignKeyFieldInstance, ManyToManyFieldInstance
from tortoise.models import Model

#: In the place of the app's label, which is not known while its models are imported.
_OWN_APP = "fastapp-own-app"
_SELF = "self"


def _field[F: Callable[..., Any]](function: F) -> F:
    @wraps(function)
    def make(to: Any, *arguments: Any, **options: Any) -> Any:
        if isinstance(to, str) and "." not in to:
            to = f"{_OWN_APP}.{to}"
        return function(to, *arguments, **options)

    declared: Any = make
    typed: F = declared
    return typed


ForeignKey = _field(fields.ForeignKeyField)
OneToOneField = _field(fields.OneToOneField)
ManyToManyField = _field(fields.ManyToManyField)


def resolve_relations(model: type[Model], label: str) -> None:
    """Give the relations of a model the label of its app where they lack it."""
    for field in model._meta.fields_map.values():
        if not isinstance(field, ForeignKeyFieldInstance | ManyToManyFieldInstance):
            continue
        app, _, target = str(field.model_name).partition(".")
        if app == _OWN_APP:
            target = model.__name__ if target == _SELF else target
            field.model_name = f"{label}.{target}"
