"""Lets a project override settings as Django users do: ``DEBUG = True``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings as PydanticBaseSettings

if TYPE_CHECKING:
    from pydantic._internal._model_construction import ModelMetaclass
else:
    # The public way to the metaclass.
    ModelMetaclass = type(PydanticBaseSettings)


class SettingsMeta(ModelMetaclass):
    """Gives a field that a subclass overrides the type that the framework declares.

    Pydantic wants an annotation at every override. A bare one would also lose what reads the field
    from the environment, so the framework's is used in any case.
    """

    def __new__(
        cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **kwargs: Any
    ) -> Any:
        inherited: dict[str, FieldInfo] = {}
        for base in reversed(bases):
            inherited.update(getattr(base, "__pydantic_fields__", {}))
        annotations = namespace.setdefault("__annotations__", {})
        for key in namespace.keys() & inherited.keys():
            annotations[key] = inherited[key].rebuild_annotation()
        return super().__new__(cls, name, bases, namespace, **kwargs)
