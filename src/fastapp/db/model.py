"""``Model``: the base of all models."""

from __future__ import annotations

from typing import Any, ClassVar

from tortoise.fields import BigIntField
from tortoise.models import Model as TortoiseModel
from tortoise.models import ModelMeta

from fastapp.db.manager import Manager


class ModelBase(ModelMeta):
    """Keeps docstrings and source comments out of the database.

    Tortoise ORM makes them comments of tables and columns, so that fixing a word in a docstring
    would be a change of the schema. ``Meta.table_description`` and ``description=`` still do.
    """

    def __new__(  # noqa: PYI034 - Self is not allowed in a metaclass
        cls, name: str, bases: tuple[type, ...], attrs: dict[str, Any]
    ) -> ModelBase:
        attrs.setdefault("_no_comments", True)
        new_class: Any = super().__new__(cls, name, bases, attrs)
        meta_class = attrs.get("Meta")
        new_class._meta.table_description = getattr(meta_class, "table_description", "")
        model: ModelBase = new_class
        return model


class Model(TortoiseModel, metaclass=ModelBase):
    """Base of all models: a ``BigInt`` primary key ``id``, and ``objects``.

    A model with a primary key of its own declares it and sets ``id = None``.
    """

    id = BigIntField(primary_key=True)

    objects: ClassVar[Manager[Any]] = Manager()

    class Meta:
        abstract = True
