"""What the app stores."""

from __future__ import annotations

from fastapp.db import models


class ${class_name}Item(models.Model):
    """Something with a name."""

    name = models.CharField(max_length=200)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        table = "${name}_item"
        ordering = ("id",)

    def __str__(self) -> str:
        return self.name
