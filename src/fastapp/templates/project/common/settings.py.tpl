"""Settings of the project.

Every field of ``fastapp.conf.BaseSettings`` can be overridden here, and by the environment as
``QK_<FIELD>``. Apps are found in the ``apps`` folder next to ``manage.py``; name them explicitly
with ``QK_INSTALLED_APPS='["apps.shop"]'`` (or ``[]`` for none).
"""

from __future__ import annotations

from pathlib import Path

from fastapp.conf import BaseSettings


class Settings(BaseSettings):
    """The project's settings."""

    BASE_DIR: Path = Path(__file__).resolve().parent.parent


settings = Settings()
