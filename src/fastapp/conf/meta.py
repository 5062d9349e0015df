"""Lets a project override settings as Django users do: ``DEBUG = True``."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings as PydanticBaseSettings

from fastapp.conf.planned import PLANNED
from fastapp.exceptions import ImproperlyConfigured

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
        for key in namespace.keys() - annotations.keys():
            if key in PLANNED:
                # `check` and the servers say that nothing reads it.
                annotations[key] = Any
            elif key.isupper() and inherited:
                _refuse(f"{namespace['__module__']}.{name}", key, namespace[key], inherited)
        return super().__new__(cls, name, bases, namespace, **kwargs)


def _refuse(place: str, key: str, value: object, known: dict[str, FieldInfo]) -> None:
    near = get_close_matches(key, sorted(known), n=1)
    meant = f"write {near[0]} if that is meant, or " if near else ""
    raise ImproperlyConfigured(
        f"settings in {place}: {key}: the framework has no setting of this name, and one of your "
        f"own needs a type. Fix: {meant}write '{key}: {type(value).__name__} = ...'."
    )
