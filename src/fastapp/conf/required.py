"""What a server refuses to start without."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapp.conf.secret import require_secret_key
from fastapp.conf.sources import DOTENV_NAME
from fastapp.exceptions import ImproperlyConfigured

if TYPE_CHECKING:
    from fastapp.conf.base import BaseSettings


def require_settings(settings: BaseSettings) -> None:
    """Refuse to start a server without a usable SECRET_KEY and all of REQUIRED_SETTINGS.

    Raises:
        ImproperlyConfigured: names what is not set, who requires it, and what to do.
    """
    require_secret_key(settings)
    lines = [
        f"settings in the environment: {name} is not set, and {owner} requires it. Fix: set {name} "
        f"in the environment, or in {DOTENV_NAME} beside manage.py."
        for name, owner in settings.unset().items()
    ]
    if lines:
        raise ImproperlyConfigured("\n".join(lines))
