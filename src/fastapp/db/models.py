"""What an app's ``models.py`` needs, under the names that Django users know.

from fastapp.db import models

class Product(models.Model):
    name = models.CharField(max_length=200)
    price = models.DecimalField(max_digits=12, decimal_places=2)
"""

from tortoise.fields import (
    CASCADE,
    NO_ACTION,
    RESTRICT,
    SET_DEFAULT,
    SET_NULL,
    BigIntegerField,
    BinaryField,
    BooleanField,
    CharEnumField,
    CharField,
    DateField,
    DurationField,
    ForeignKeyNullableRelation,
    ForeignKeyRelation,
    IntegerField,
    IntEnumField,
    ManyToManyRelation,
    OneToOneNullableRelation,
    OneToOneRelation,
    ReverseRelation,
    SmallIntegerField,
    TextField,
    TimeField,
    UUIDField,
)
from tortoise.indexes import Index
from tortoise.queryset import QuerySet

from fastapp.db.fields import DateTimeField, DecimalField, FloatField, JSONField
from fastapp.db.manager import Manager
from fastapp.db.model import Model
from fastapp.db.relations import ForeignKey, ManyToManyField, OneToOneField

#: Django's name for refusing to delete a row that others refer to.
PROTECT = RESTRICT
DO_NOTHING = NO_ACTION

__all__ = [
    "CASCADE",
    "DO_NOTHING",
    "NO_ACTION",
    "PROTECT",
    "RESTRICT",
    "SET_DEFAULT",
    "SET_NULL",
    "BigIntegerField",
    "BinaryField",
    "BooleanField",
    "CharEnumField",
    "CharField",
    "DateField",
    "DateTimeField",
    "DecimalField",
    "DurationField",
    "FloatField",
    "ForeignKey",
    "ForeignKeyNullableRelation",
    "ForeignKeyRelation",
    "Index",
    "IntEnumField",
    "IntegerField",
    "JSONField",
    "Manager",
    "ManyToManyField",
    "ManyToManyRelation",
    "Model",
    "OneToOneField",
    "OneToOneNullableRelation",
    "OneToOneRelation",
    "QuerySet",
    "ReverseRelation",
    "SmallIntegerField",
    "TextField",
    "TimeField",
    "UUIDField",
]
