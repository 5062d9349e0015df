"""Where the values of the settings come from, highest priority first:

keyword arguments, environment (``QK_...``), the ``.env`` file next to ``manage.py``, and the
defaults in the class. Mappings are merged key by key across all four, so that
``QK_DATABASES__default__HOST=db`` changes one key of a database that the class declares.
"""

from __future__ import annotations

import os
from contextvars import ContextVar
from copy import deepcopy
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    PydanticBaseSettingsSource,
)

ENV_PREFIX = "QK_"
DOTENV_NAME = ".env"

#: Set while settings are made from given values alone (see ``override_settings``).
values_only: ContextVar[bool] = ContextVar("fastapp_settings_values_only", default=False)


class ClassDefaultsSource(PydanticBaseSettingsSource):
    """The mappings that the class declares as defaults.

    Pydantic uses a default only when no other source has the field at all; giving the mappings as
    a source of their own is what makes them merge with the environment.
    """

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Not used: all fields are given at once by ``__call__``."""
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        """Defaults of the fields that hold a mapping."""
        return {
            name: deepcopy(field.default)
            for name, field in self.settings_cls.model_fields.items()
            if isinstance(field.default, dict)
        }


def base_dir_of(settings_cls: type[BaseSettings]) -> Path:
    """The project folder before any settings exist; decides where ``.env`` is looked for."""
    given = os.environ.get(f"{ENV_PREFIX}BASE_DIR")
    if given:
        return Path(given)
    default = settings_cls.model_fields["BASE_DIR"].get_default(call_default_factory=True)
    return Path(default)


def dotenv_source(settings_cls: type[BaseSettings]) -> DotEnvSettingsSource:
    """The source that reads ``.env`` in the project folder, when there is one."""
    return DotEnvSettingsSource(
        settings_cls, env_file=base_dir_of(settings_cls) / DOTENV_NAME, env_file_encoding="utf-8"
    )


def dotenv_names(settings_cls: type[BaseSettings]) -> frozenset[str]:
    """Names of the variables in the ``.env`` file in the project folder."""
    return frozenset(dotenv_source(settings_cls).env_vars)
