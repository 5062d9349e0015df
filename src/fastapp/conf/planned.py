"""Settings that the framework does not have yet. Imports nothing: the command line reads it."""

from __future__ import annotations

from typing import Final

#: Settings that Django has, and what is missing here; docs/settings.md lists them.
PLANNED: Final = {
    "CACHES": "caches",
    "AUTH_USER_MODEL": "users and permissions",
    "ACCESS_TOKEN_LIFETIME": "users and permissions",
    "REFRESH_TOKEN_LIFETIME": "users and permissions",
    "DATE_FORMAT": "date formats",
    "DATETIME_FORMAT": "date formats",
    "DEFAULT_PAGINATION_CLASS": "other pagination",
    "EMAIL_BACKEND": "mail",
    "EMAIL_HOST": "mail",
    "EMAIL_PORT": "mail",
    "EMAIL_HOST_USER": "mail",
    "EMAIL_HOST_PASSWORD": "mail",
    "EMAIL_USE_TLS": "mail",
    "EMAIL_USE_SSL": "mail",
    "EMAIL_TIMEOUT": "mail",
    "DEFAULT_FROM_EMAIL": "mail",
    "SERVER_EMAIL": "mail",
    "ADMINS": "mail",
}
