"""``BaseSettings``: every setting the framework knows, with its default."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings as PydanticBaseSettings
from pydantic_settings import (
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from fastapp.apps.discovery import discover_apps
from fastapp.conf import validation
from fastapp.conf.databases import DatabaseConfig, parse_databases
from fastapp.conf.errors import describe, describe_undecodable
from fastapp.conf.masking import mask
from fastapp.conf.meta import SettingsMeta
from fastapp.conf.sources import (
    ENV_PREFIX,
    ClassDefaultsSource,
    dotenv_source,
    values_only,
)
from fastapp.conf.types import DatabaseMapping, StringList
from fastapp.conf.unknown import UnreadSetting, unread_settings
from fastapp.exceptions import ImproperlyConfigured

#: The check of each entry of a setting that is a list.
_ENTRIES: Final[dict[str, Callable[[str], str]]] = {
    "ALLOWED_HOSTS": validation.check_host_pattern,
    "MIDDLEWARE": validation.check_dotted_path,
    "LIFESPANS": validation.check_dotted_path,
    "TRUSTED_PROXIES": validation.check_trusted_proxy,
    "GATEWAY_INTERNAL_SEGMENTS": validation.check_path_segment,
    "CORS_ALLOWED_ORIGINS": validation.check_origin,
    "CORS_ALLOW_METHODS": validation.check_token,
    "CORS_ALLOW_HEADERS": validation.check_token,
    "CORS_EXPOSE_HEADERS": validation.check_token,
}


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
    #: For development: a random SECRET_KEY, local hosts, and errors in more detail.
    DEBUG: bool = False
    #: Folder of the project; it has `apps/` and `.env`.
    BASE_DIR: Path = Field(default_factory=Path.cwd)
    #: Folder of the files that the process writes, such as an SQLite database, made when needed;
    #: BASE_DIR unless set.
    DATA_DIR: Path | None = None
    #: At least 32 random characters. Servers refuse to start without it unless DEBUG is on.
    SECRET_KEY: str = ""
    #: Variables that servers refuse to start without, each with who requires it. The image of a
    #: service has those that its target names.
    REQUIRED_SETTINGS: dict[str, str] = {}
    #: Host names that requests may be for: exact ones, ".example.com" for it and all below it, or
    #: "*". With none every request is refused.
    ALLOWED_HOSTS: StringList = []
    #: Packages, or dotted paths of an AppConfig. Unless set: every package in BASE_DIR/apps with
    #: an apps.py or urls.py, in order of name. An empty list is no app.
    INSTALLED_APPS: StringList = Field(
        default_factory=lambda data: discover_apps(data.get("BASE_DIR", Path.cwd()))
    )
    #: Dotted paths of ASGI middleware classes, outermost first.
    MIDDLEWARE: StringList = []
    #: Dotted paths of ``async`` context manager functions that take the application.
    LIFESPANS: StringList = []
    #: Labels of apps that the gateway does not serve.
    NO_EXPORT_APPS: StringList = []

    # Server
    #: Address that servers listen on; "0.0.0.0" in a container.
    HOST: str = "127.0.0.1"
    #: Port of `runserver-aio` and of the gateway.
    PORT: int = Field(default=8000, ge=0, le=65535)
    #: Largest request line with headers, in bytes; the gateway has its own limit.
    MAX_HEADER_BYTES: int = Field(default=65536, ge=1024)
    #: Seconds that a client may take for its headers, may pause while its body is read, and may
    #: take for the rest of a body behind its answer.
    CLIENT_TIMEOUT: float = Field(default=60.0, gt=0, allow_inf_nan=False)
    #: IP addresses or networks of proxies whose X-Forwarded-* headers count, or "*".
    TRUSTED_PROXIES: StringList = []
    #: Prefix to URL of services that the gateway proxies besides the installed apps.
    EXTRA_PROXY: dict[str, str] = {}
    #: Prefix to URL, or URLs, of installed apps that run on other hosts.
    UPSTREAMS: dict[str, str | list[str]] = {}
    #: Seconds that requests in flight have to finish after SIGTERM.
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
    GATEWAY_CONNECT_TIMEOUT: float = Field(default=5.0, gt=0, allow_inf_nan=False)
    #: Seconds that a service may be silent.
    GATEWAY_READ_TIMEOUT: float = Field(default=60.0, gt=0, allow_inf_nan=False)
    #: Seconds that a client may take for its headers, may pause in its body, and may take for the
    #: rest of a body behind its answer.
    GATEWAY_CLIENT_TIMEOUT: float = Field(default=60.0, gt=0, allow_inf_nan=False)
    #: Seconds that an idle connection to a service is kept; less than the services' own.
    GATEWAY_KEEPALIVE_TIMEOUT: float = Field(default=4.0, gt=0, allow_inf_nan=False)
    #: Further upstreams a request is sent to when no connection could be made, or when it is
    #: idempotent, has no body, and the connection broke.
    GATEWAY_RETRIES: int = Field(default=2, ge=0)
    #: Seconds that a dead upstream is left out at first; doubled up to 15.
    GATEWAY_EJECT_SECONDS: float = Field(default=0.5, gt=0, allow_inf_nan=False)
    #: Serve the merged OpenAPI document at /openapi.json and /docs.
    GATEWAY_DOCS: bool = True

    # Data
    #: Databases by alias, as in Django, each a mapping or a URL such as
    #: "mysql://shop@db/shop". "default" must be one of them.
    DATABASES: DatabaseMapping = {"default": {"ENGINE": "sqlite3"}}
    #: Seconds after which the readiness check of a database gives up.
    HEALTH_CHECK_TIMEOUT: float = Field(default=2.0, gt=0, allow_inf_nan=False)

    # Time
    #: IANA name of the time zone of dates and times.
    TIME_ZONE: str = "Asia/Shanghai"

    # CORS: exact origins such as "https://example.com", or "*" alone
    #: Origins that browsers may call from; without one CORS is off.
    CORS_ALLOWED_ORIGINS: StringList = []
    #: Let browsers send cookies and credentials; needs named origins.
    CORS_ALLOW_CREDENTIALS: bool = False
    #: Methods that browsers may use.
    CORS_ALLOW_METHODS: StringList = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
    #: Request headers that browsers may send.
    CORS_ALLOW_HEADERS: StringList = ["Authorization", "Content-Type", "X-Request-ID"]
    #: Response headers that scripts may read.
    CORS_EXPOSE_HEADERS: StringList = ["X-Request-ID"]
    #: Seconds for which browsers remember the answer to a preflight request.
    CORS_MAX_AGE: int = Field(default=600, ge=0)

    # REST
    #: Rows on a page unless the client asks for another number.
    DEFAULT_PAGE_SIZE: int = Field(default=20, ge=1)
    #: Most rows that a client gets on a page.
    MAX_PAGE_SIZE: int = Field(default=100, ge=1)

    # Logs
    #: Least level of what is logged.
    LOG_LEVEL: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = "INFO"
    #: One line of text, or one JSON object, for each record.
    LOG_FORMAT: Literal["plain", "json"] = "plain"
    #: One line for each request.
    ACCESS_LOG: bool = True
    #: Merged into the framework's ``logging.config.dictConfig`` mapping.
    LOGGING: dict[str, Any] = {}

    # Metrics and traces; docs/observability.md
    #: Serve Prometheus metrics at /metrics, of each process at its own port.
    METRICS_ENABLED: bool = False
    #: Token that a reader of metrics sends in "Authorization: Bearer ..."; needed unless DEBUG is
    #: on.
    METRICS_TOKEN: str = ""
    #: Share of the traces that begin here that are marked as sampled.
    TRACE_SAMPLE_RATIO: float = Field(default=1.0, ge=0, le=1)
    #: Where OpenTelemetry sends traces, such as "http://collector:4318". Needs packages that
    #: are not in the image.
    OTLP_ENDPOINT: str = ""
    #: Name of this service in traces. Unless set: "gateway", the label of the app that is
    #: served alone, or "fastapp".
    SERVICE_NAME: str = ""

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as exc:
            raise ImproperlyConfigured(describe(exc, type(self), values)) from None
        except SettingsError as exc:
            raise ImproperlyConfigured(describe_undecodable(exc, type(self))) from None

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
        validation.load_time_zone(value)
        return value

    @field_validator("BASE_DIR")
    @classmethod
    def _existing_folder(cls, value: Path) -> Path:
        return validation.check_folder(value)

    @field_validator("HOST")
    @classmethod
    def _address(cls, value: str) -> str:
        return validation.check_address(value)

    @field_validator("OTLP_ENDPOINT")
    @classmethod
    def _collector(cls, value: str) -> str:
        return validation.check_endpoint(value)

    @field_validator(*_ENTRIES)
    @classmethod
    def _checked_entries(cls, value: list[str], info: ValidationInfo) -> list[str]:
        return [_ENTRIES[str(info.field_name)](entry) for entry in value]

    @field_validator("LOGGING")
    @classmethod
    def _known_logging_keys(cls, value: dict[str, Any]) -> dict[str, Any]:
        validation.check_logging(value)
        return value

    @field_validator("DATABASES")
    @classmethod
    def _checked_databases(cls, value: dict[str, Any]) -> dict[str, Any]:
        try:
            parse_databases(value)
        except ImproperlyConfigured as exc:
            raise ValueError(str(exc)) from None
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if "*" in self.CORS_ALLOWED_ORIGINS and self.CORS_ALLOW_CREDENTIALS:
            raise ValueError(
                "CORS_ALLOWED_ORIGINS: expected the names of the origins while "
                "CORS_ALLOW_CREDENTIALS is on, got '*'"
            )
        # Who lowers the maximum alone gets pages of that size: our default is no mistake.
        ours = type(self).model_fields["DEFAULT_PAGE_SIZE"].default
        if max(self.MAX_PAGE_SIZE, ours) < self.DEFAULT_PAGE_SIZE:
            raise ValueError(
                f"DEFAULT_PAGE_SIZE: expected at most MAX_PAGE_SIZE ({self.MAX_PAGE_SIZE}), "
                f"got {self.DEFAULT_PAGE_SIZE}"
            )
        return self

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

    def unread(self) -> list[UnreadSetting]:
        """Variables and fields of the project that look like settings, and that nothing reads."""
        return unread_settings(self)

    def unset(self) -> dict[str, str]:
        """Those of REQUIRED_SETTINGS that have no value, with who requires each."""
        if not self.REQUIRED_SETTINGS:
            return {}
        values = {**dotenv_source(type(self)).env_vars, **os.environ}
        return {
            name: owner for name, owner in self.REQUIRED_SETTINGS.items() if not values.get(name)
        }

    def masked(self) -> dict[str, Any]:
        """All settings by name with the secrets hidden; made of JSON types only."""
        return {name: mask(name, value) for name, value in self.model_dump(mode="json").items()}

    def __repr_args__(self) -> list[tuple[str | None, Any]]:
        # The plain repr would put secrets into tracebacks and logs.
        return list(self.masked().items())
