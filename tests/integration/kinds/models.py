"""One field of every kind."""

from __future__ import annotations

from typing import Any

from fastapp.db import models


class Kinds(models.Model):
    """A row of everything."""

    text = models.CharField(max_length=100)
    long_text = models.TextField(null=True)
    price = models.DecimalField(max_digits=20, decimal_places=6)
    ratio = models.FloatField(null=True)
    count = models.BigIntegerField(null=True)
    flag = models.BooleanField(default=False)
    data: Any = models.JSONField(null=True)
    moment = models.DateTimeField(null=True)
    day = models.DateField(null=True)
    span = models.DurationField(null=True)
    token = models.UUIDField(null=True)
    blob = models.BinaryField(null=True)

    class Meta:
        table = "kinds"
