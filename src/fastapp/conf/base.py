"""``BaseSettings``: every setting the framework knows, with its default."""

from __future__ import annotations

from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings as PydanticBaseSettings
from pydantic_settings import (
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from fastapp.apps.discovery import discover_apps
from fastapp.conf.databases import DatabaseConfig, parse_databases
from fastapp.conf.masking import mask
from fastapp.conf.meta import SettingsMeta
from fastapp.conf.sources import ENV_PREFIX, ClassDefaultsSource, dotenv_source, values_only
from fastapp.conf.types import DatabaseMapping, StringList
from fastapp.conf.validation import check_endpoint, check_origin, describe, load_time_zone
from fastapp.exceptions import ImproperlyConfigured


class BaseSettings(PydanticBaseSettings, metaclass=SettingsMeta):
    """Base class of a project's settings.

    A project writes ``class Settings(BaseSettings)`` in ``common/settings.py``, overrides the
    fields it wants, and makes ``settings = Settings()``. Each field can be overridden by an
    environment variable ``QK_<FIELD>``, nested with ``__``.

    Raises:
        ImproperlyConfigured: names each wrong key and what was expected.
    """

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        env_nested_delimiter="__",
        case_sensitive=True,
        extra="ignore",
        frozen=True,
        validate_default=True,
    )

    # Project
    DEBUG: bool = False
    BASE_DIR: Path = Field(default_factory=Path.cwd)
    #: Folder of files the process writes, such as an SQLite database; BASE_DIR when None.
    DATA_DIR: Path | None = None
    #: No default on purpose: servers refuse to start without one unless DEBUG is on.
    SECRET_KEY: str = ""
    ALLOWED_HOSTS: StringList = []
    #: Packages, or dotted paths of an AppConfig. Not set: every package in BASE_DIR/apps that has
    #: an apps.py or urls.py, in order of name. An empty list means no app at all.
    INSTALLED_APPS: StringList = Field(
        default_factory=lambda data: discover_apps(data.get("BASE_DIR", Path.cwd()))
    )
    #: Dotted paths of ASGI middleware classes, outermost first.
    MIDDLEWARE: StringList = []
    #: Dotted paths of ``async`` context manager functions that take the application.
    LIFESPANS: StringList = []
    #: Labels of apps that are not served from outside.
    NO_EXPORT_APPS: StringList = []

    # Server
    HOST: str = "127.0.0.1"
    PORT: int = Field(default=8000, ge=0, le=65535)
    #: Largest request line with headers in bytes; the gateway has its own.
    MAX_HEADER_BYTES: int = Field(default=65536, ge=1024)
    #: Seconds that a client may take for its headers, and may pause in a body that is being read.
    CLIENT_TIMEOUT: float = Field(default=60.0, gt=0)
    #: Addresses of proxies whose X-Forwarded-* headers are believed.
    TRUSTED_PROXIES: StringList = []
    #: Prefix to URL of services that the gateway proxies besides the installed apps.
    EXTRA_PROXY: dict[str, str] = {}
    #: Prefix to URL, or URLs, of installed apps that run on other hosts.
    UPSTREAMS: dict[str, str | list[str]] = {}
    #: Seconds that requests in flight get to finish after SIGTERM.
    SHUTDOWN_TIMEOUT: int = Field(default=30, ge=0)
    #: Seconds after SIGTERM in which requests on open connections are answered, before idle ones
    #: are closed; longer than clients and proxies keep an idle connection.
    SHUTDOWN_GRACE: float = Field(default=5.0, ge=0)

    # Gateway (manage.py gateway); docs/gateway.md
    #: URLs for paths that no prefix matches; without one they are 404.
    GATEWAY_DEFAULT_UPSTREAM: StringList = []
    #: Prefixes that are left out of the path that the service sees.
    GATEWAY_STRIP_PREFIXES: StringList = []
    #: Path parts that are never served from outside, at the root and after a prefix.
    GATEWAY_INTERNAL_SEGMENTS: StringList = ["internal", "_internal"]
    #: How one of several upstreams of a prefix is chosen.
    GATEWAY_BALANCING: Literal["least-connections", "round-robin"] = "least-connections"
    #: Largest request body in bytes; 0 for no limit.
    GATEWAY_MAX_BODY_BYTES: int = Field(default=0, ge=0)
    #: Largest WebSocket message in bytes.
    GATEWAY_MAX_MESSAGE_BYTES: int = Field(default=16 * 1024 * 1024, ge=1)
    #: Largest request line with headers in bytes.
    GATEWAY_MAX_HEADER_BYTES: int = Field(default=65536, ge=1024)
    #: Seconds until a service must have taken the connection.
    GATEWAY_CONNECT_TIMEOUT: float = Field(default=5.0, gt=0)
    #: Seconds that a service may be silent.
    GATEWAY_READ_TIMEOUT: float = Field(default=60.0, gt=0)
    #: Seconds that a client may take for its headers, and may pause in its body.
    GATEWAY_CLIENT_TIMEOUT: float = Field(default=60.0, gt=0)
    #: Seconds that an idle connection to a service is kept; less than the services' own.
    GATEWAY_KEEPALIVE_TIMEOUT: float = Field(default=4.0, gt=0)
    #: Further upstreams that a request without effects and body is tried on.
    GATEWAY_RETRIES: int = Field(default=2, ge=0)
    #: Seconds that a dead upstream is left out at first; doubled up to 15.
    GATEWAY_EJECT_SECONDS: float = Field(default=0.5, gt=0)
    #: Serve the merged OpenAPI document at /openapi.json and /docs.
    GATEWAY_DOCS: bool = True

    # Data
    DATABASES: DatabaseMapping = {"default": {"ENGINE": "sqlite3"}}
    CACHES: dict[str, Any] = {"default": {"BACKEND": "memory"}}
    #: Seconds after which the readiness check of a database gives up.
    HEALTH_CHECK_TIMEOUT: float = Field(default=2.0, gt=0)

    # Time
    TIME_ZONE: str = "Asia/Shanghai"
    DATE_FORMAT: str = "%Y-%m-%d"
    DATETIME_FORMAT: str = "%Y-%m-%d %H:%M:%S"

    # CORS: exact origins such as "https://example.com", or "*" alone
    CORS_ALLOWED_ORIGINS: StringList = []
    CORS_ALLOW_CREDENTIALS: bool = False
    CORS_ALLOW_METHODS: StringList = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
    CORS_ALLOW_HEADERS: StringList = ["Authorization", "Content-Type", "X-Request-ID"]
    CORS_EXPOSE_HEADERS: StringList = ["X-Request-ID"]
    CORS_MAX_AGE: int = Field(default=600, ge=0)

    # Authentication
    AUTH_USER_MODEL: str = "auth.User"
    ACCESS_TOKEN_LIFETIME: timedelta = timedelta(minutes=15)
    REFRESH_TOKEN_LIFETIME: timedelta = timedelta(days=7)

    # REST
    DEFAULT_PAGINATION_CLASS: str = "fastapp.rest.pagination.PageNumberPagination"
    DEFAULT_PAGE_SIZE: int = Field(default=20, ge=1)
    MAX_PAGE_SIZE: int = Field(default=100, ge=1)

    # Logs
    LOG_LEVEL: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = "INFO"
    LOG_FORMAT: Literal["plain", "json"] = "plain"
    #: One line for each request.
    ACCESS_LOG: bool = True
    #: Merged into the framework's ``logging.config.dictConfig`` mapping.
    LOGGING: dict[str, Any] = {}

    # Metrics and traces; docs/observability.md
    #: Serve Prometheus metrics at /metrics, of each process at its own port.
    METRICS_ENABLED: bool = False
    #: What the header "Authorization: Bearer ..." must say; needed unless DEBUG is on.
    METRICS_TOKEN: str = ""
    #: Share of the traces that begin here that are marked as sampled.
    TRACE_SAMPLE_RATIO: float = Field(default=1.0, ge=0, le=1)
    #: Where OpenTelemetry sends traces, such as "http://collector:4318". Needs packages that the
    #: image does not have.
    OTLP_ENDPOINT: str = ""
    #: Name of this service in traces. Not set: "gateway", the label of the app that is served
    #: alone, or "fastapp".
    SERVICE_NAME: str = ""

    # Mail
    EMAIL_BACKEND: str = "console"
    EMAIL_HOST: str = "localhost"
    EMAIL_PORT: int = Field(default=25, ge=1, le=65535)
    EMAIL_HOST_USER: str = ""
    EMAIL_HOST_PASSWORD: str = ""
    EMAIL_USE_TLS: bool = False
    EMAIL_USE_SSL: bool = False
    EMAIL_TIMEOUT: float = Field(default=10.0, gt=0)
    DEFAULT_FROM_EMAIL: str = "webmaster@localhost"
    SERVER_EMAIL: str = "root@localhost"
    ADMINS: list[tuple[str, str]] = []

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as exc:
            raise ImproperlyConfigured(describe(exc)) from None
        except SettingsError as exc:
            raise ImproperlyConfigured(f"settings: {exc}: expected valid JSON") from exc

    @classmethod
    def from_values(cls, values: dict[str, Any]) -> BaseSettings:
        """Make settings from ``values`` and the defaults alone, whatever the environment says."""
        token = values_only.set(True)
        try:
            return cls(**values)
        finally:
            values_only.reset(token)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[PydanticBaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """See :mod:`fastapp.conf.sources`."""
        if values_only.get():
            return (init_settings,)
        return (
            init_settings,
            env_settings,
            dotenv_source(settings_cls),
            ClassDefaultsSource(settings_cls),
        )

    @field_validator("TIME_ZONE")
    @classmethod
    def _known_time_zone(cls, value: str) -> str:
        load_time_zone(value)
        return value

    @field_validator("OTLP_ENDPOINT")
    @classmethod
    def _collector(cls, value: str) -> str:
        return check_endpoint(value)

    @field_validator("CORS_ALLOWED_ORIGINS")
    @classmethod
    def _exact_origins(cls, value: list[str]) -> list[str]:
        return [check_origin(origin) for origin in value]

    @field_validator("DATABASES")
    @classmethod
    def _checked_databases(cls, value: dict[str, Any]) -> dict[str, Any]:
        try:
            parse_databases(value)
        except ImproperlyConfigured as exc:
            raise ValueError(str(exc)) from None
        return value

    @cached_property
    def databases(self) -> dict[str, DatabaseConfig]:
        """DATABASES in its checked form, by alias."""
        return parse_databases(self.DATABASES)

    @cached_property
    def tz(self) -> ZoneInfo:
        """TIME_ZONE as an object."""
        return ZoneInfo(self.TIME_ZONE)

    @property
    def data_dir(self) -> Path:
        """Folder of files the process writes: DATA_DIR, or BASE_DIR when that is not set."""
        return self.BASE_DIR if self.DATA_DIR is None else self.DATA_DIR

    @classmethod
    def field_names(cls) -> frozenset[str]:
        """Names of all settings."""
        return frozenset(cls.model_fields)

    def masked(self) -> dict[str, Any]:
        """All settings by name with the secrets hidden; made of JSON types only."""
        return {name: mask(name, value) for name, value in self.model_dump(mode="json").items()}

    def __repr_args__(self) -> list[tuple[str | None, Any]]:
        # The plain repr would put secrets into tracebacks and logs.
        return list(self.masked().items())
