"""Names of the earlier framework, and what to write instead.

A value is the import that takes the name's place, or, where it begins with a lower-case letter and
has no "import", a sentence that says what to do. docs/moving-over.md has the same tables; a test
compares them.
"""

from __future__ import annotations

from typing import Final

NOT_YET: Final = "no equivalent yet ({part}); keep the code in your project"

_MODELS: Final = "from fastapp.db import models"
_REQUEST: Final = "from fastapi import Request"
_USERS: Final = NOT_YET.format(part="users and permissions")
_SERIALIZERS: Final = "declare Pydantic models, as in src/apps/shop/serializers.py"

#: Modules that do not exist here, the longest match first, and what to write instead.
MODULES: Final[dict[str, str]] = {
    "fastapp.cache": NOT_YET.format(part="caches"),
    "fastapp.commands": "from fastapp.cli import main, and click's own decorators",
    "fastapp.communication": "call the other service with httpx and outgoing_headers()",
    "fastapp.contrib.auth": _USERS,
    "fastapp.contrib.contenttypes": _USERS,
    "fastapp.contrib.dynamic_rbac": _USERS,
    "fastapp.contrib.guardian": _USERS,
    "fastapp.contrib.key_auth": NOT_YET.format(part="request signing"),
    "fastapp.contrib.limiter": NOT_YET.format(part="rate limiter"),
    "fastapp.contrib.xcaptcha": NOT_YET.format(part="captcha"),
    "fastapp.core.cache": NOT_YET.format(part="caches"),
    "fastapp.core.exceptions": "from tortoise.exceptions import ...",
    "fastapp.core.mail": NOT_YET.format(part="mail"),
    "fastapp.core.validators": "from tortoise.validators import ...",
    "fastapp.db.functions": "from tortoise.functions import ...",
    "fastapp.db.router": NOT_YET.format(part="database routers"),
    "fastapp.exception_handlers": "leave it out: every application has the handlers",
    "fastapp.fastapi": "from fastapi import FastAPI, BackgroundTasks, WebSocket",
    "fastapp.filters": NOT_YET.format(part="filter sets"),
    "fastapp.http": _REQUEST,
    "fastapp.initialize": "use fastapp.test.client in tests, 'manage.py shell' elsewhere",
    "fastapp.logging": "from fastapp.logs import logging_config, configure_logging",
    "fastapp.middleware.trustedhost": "leave it out: ALLOWED_HOSTS always counts",
    "fastapp.misc": "leave it out: the commands of manage.py",
    "fastapp.models": _MODELS,
    "fastapp.paginate": "from fastapp.rest.pagination import Page, Pagination",
    "fastapp.permissions": _USERS,
    "fastapp.registry": "leave it out: services have ports of their own, or UPSTREAMS",
    "fastapp.requests": _REQUEST,
    "fastapp.responses": "from fastapi.responses import JSONResponse, ...",
    "fastapp.router": "from fastapp.urls import path, include",
    "fastapp.security": _USERS,
    "fastapp.serializers": _SERIALIZERS,
    "fastapp.serve": "from fastapp.asgi import create_application",
    "fastapp.tools": NOT_YET.format(part="inspectdb"),
    "fastapp.utils": "keep a copy in your project",
    "fastapp.views.class_based": "from fastapp.views import View",
    "fastapp.views.decorators": "raise fastapp.rest.exceptions, or use Depends",
    "fastapp.views.mixins": NOT_YET.format(part="view sets"),
    "fastapp.views.viewsets": NOT_YET.format(part="view sets"),
}

#: Names whose place differs from that of the rest of their module.
NAMES: Final[dict[str, str]] = {
    "fastapp.exceptions.DoesNotExist": "from tortoise.exceptions import DoesNotExist",
    "fastapp.exceptions.HTTPException": "from fastapi import HTTPException",
    "fastapp.exceptions.Http404": "from fastapp.rest.exceptions import NotFound",
    "fastapp.exceptions.IntegrityError": "from tortoise.exceptions import IntegrityError",
    "fastapp.exceptions.NotAuthenticated": "from fastapp.rest.exceptions import NotAuthenticated",
    "fastapp.exceptions.PermissionDenied": "from fastapp.rest.exceptions import PermissionDenied",
    "fastapp.exceptions.ValidationError": "from tortoise.exceptions import ValidationError",
    "fastapp.models.BaseMeta": "leave it out: class Meta has no base",
    "fastapp.models.BaseModel": f"{_MODELS}, and models.Model",
    "fastapp.models.F": "from tortoise.expressions import F",
    "fastapp.models.Q": "from tortoise.expressions import Q",
    "fastapp.models.RawSQL": "from tortoise.expressions import RawSQL",
    "fastapp.models.Subquery": "from tortoise.expressions import Subquery",
    "fastapp.models.Count": "from tortoise.functions import Count",
    "fastapp.models.Max": "from tortoise.functions import Max",
    "fastapp.models.Min": "from tortoise.functions import Min",
    "fastapp.models.Sum": "from tortoise.functions import Sum",
    "fastapp.models.Trim": "from tortoise.functions import Trim",
    "fastapp.models.fields": f"{_MODELS}, and models.CharField for fields.CharField",
    "fastapp.models.get_object_or_404": "get_or_none() and fastapp.rest.exceptions.NotFound",
    "fastapp.router.APIRouter": "from fastapi import APIRouter",
}

#: Fields that are called something else.
FIELDS: Final[dict[str, str]] = {
    "AutoField": "leave it out: every model has an id",
    "BigAutoField": "leave it out: every model has an id",
    "SmallAutoField": "leave it out: every model has an id",
    "EmailField": "models.CharField with a validator",
    "ForeignKeyField": "models.ForeignKey, with the model as 'app.Model'",
    "PositiveIntegerField": "models.IntegerField with a validator",
    "PositiveSmallIntegerField": "models.SmallIntegerField with a validator",
    "TimeDeltaField": "models.DurationField",
}

#: Settings of a project that nothing reads here.
SETTINGS: Final[dict[str, str]] = {
    "PROJECT_NAME": "leave it out",
    "INCLUDE_HEALTHZ": "leave it out: /healthz/live and /healthz/ready are always served",
    "ALLOW_LOCAL_CLIENT": "leave it out: a client's address is no reason to trust its Host header",
    "AUTO_ALLOWED_LOCAL_HOSTNAME": "name the host in ALLOWED_HOSTS",
    "ADD_CORS_HEADERS": "name the origins in CORS_ALLOWED_ORIGINS",
    "ASGI_APP_FACTORY": "leave it out: an app's asgi.py has 'app'",
    "SERVE_AIO_ASGI_APP": "leave it out: runserver-aio serves fastapp.asgi:create_application",
    "RATE_LIMITER_CLASS": NOT_YET.format(part="rate limiter"),
    "WEBSOCKET_RATE_LIMITER_CLASS": NOT_YET.format(part="rate limiter"),
    "ETCD_URL": "leave it out: services have ports of their own, or UPSTREAMS",
    "AUTH_USER_DB_CONSTRAINT": _USERS,
    "AUTH_CURRENT_USER_FACTORY": _USERS,
    "AUTH_PERMISSION_BACKEND": _USERS,
    "INTERNAL_APP_PREFIX": "leave it out",
    "ENABLE_PORT_MAP_FILE": "leave it out: ports follow from the labels of apps",
    "UVLOOP_WARNING": "leave it out",
    "LOGGING_CONFIG": "LOGGING, which is merged into the framework's configuration",
    "LOGO_FORE": "leave it out",
    "LOGO_BACK": "leave it out",
    "LOGO_STYLE": "leave it out",
    "DEFAULT_CHARSET": "leave it out: everything is UTF-8",
}

#: Values of ENGINE in DATABASES.
ENGINES: Final[dict[str, str]] = {
    "tortoise.backends.sqlite": "sqlite3",
    "tortoise.backends.mysql": "mysql",
    "tortoise.backends.asyncpg": "postgresql",
    "tortoise.backends.psycopg": "postgresql",
    "fastapp.db.backends.mysql": "mysql",
    "fastapp.db.backends.postgresql": "postgresql",
}
