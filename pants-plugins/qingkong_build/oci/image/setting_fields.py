"""The fields of `oci_image` that say how the image runs. Each knows what is valid, and says so."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

from pants.engine.addresses import Address
from pants.engine.target import (
    DictStringToStringField,
    Field,
    StringField,
    StringSequenceField,
    Target,
)
from pants.util.frozendict import FrozenDict
from pants.util.strutil import help_text

from qingkong_build.oci.image.settings import Healthcheck, ImageSettings, nanoseconds
from qingkong_build.oci.layout.field_error import invalid

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_USER = re.compile(r"(?:\d+|[a-z_][a-z0-9_.-]*)(?::(?:\d+|[a-z_][a-z0-9_.-]*))?", re.IGNORECASE)
_PORT = re.compile(r"(\d{1,5})(?:/(tcp|udp|sctp))?")
_ABSOLUTE = re.compile(r"/(?!(?:.*/)?\.\.(?:/|$))[^\n\0]*")
_SIGNAL = re.compile(r"SIG[A-Z0-9+-]+|[1-9]\d?")


def _check(
    field: str,
    address: Address,
    values: Iterable[str],
    is_valid: Callable[[str], object],
    why: str,
    fix: str,
) -> None:
    for value in values:
        if not is_valid(value):
            raise invalid(field, address, value, why, fix)


def is_absolute(path: str) -> bool:
    """Whether it is an absolute path without `..`, a line break or a NUL."""
    return _ABSOLUTE.fullmatch(path) is not None


class _Pairs(DictStringToStringField):
    """Names and texts."""

    why: ClassVar[str]
    fix: ClassVar[str]

    @classmethod
    def is_name(cls, name: str) -> bool:
        return bool(name) and "=" not in name and not re.search(r"\s|\0", name)

    @classmethod
    def compute_value(
        cls, raw_value: dict[str, str] | None, address: Address
    ) -> FrozenDict[str, str] | None:
        value = super().compute_value(raw_value, address)
        _check(cls.alias, address, value or (), cls.is_name, cls.why, cls.fix)
        return value


class EnvField(_Pairs):
    alias = "env"
    why = "it is no name of an environment variable"
    fix = "use letters, digits and underscores"
    help = help_text(
        """
        Environment variables, added to those of the base. `${NAME}` in a value is what the base
        says of NAME, as in `{"PATH": "/app/bin:${PATH}"}`; nothing else is replaced.
        """
    )

    @classmethod
    def is_name(cls, name: str) -> bool:
        return bool(_NAME.fullmatch(name))


class LabelsField(_Pairs):
    alias = "labels"
    why = "a label needs a name without spaces and `=`"
    fix = "name it as in org.opencontainers.image.title"
    help = help_text("Labels of the image's configuration, added to those of the base.")


class AnnotationsField(_Pairs):
    alias = "annotations"
    why = "an annotation needs a name without spaces and `=`"
    fix = "name it as in org.opencontainers.image.source"
    help = help_text(
        "Annotations of the image's manifest. Registries show them; engines do not keep them."
    )


class _Text(StringField):
    """A text that has to match `form`."""

    form: ClassVar[re.Pattern[str]]
    why: ClassVar[str]
    fix: ClassVar[str]

    @classmethod
    def compute_value(cls, raw_value: str | None, address: Address) -> str | None:
        value = super().compute_value(raw_value, address)
        if value is not None and not cls.form.fullmatch(value):
            raise invalid(cls.alias, address, value, cls.why, cls.fix)
        return value


class UserField(_Text):
    alias = "user"
    form = _USER
    why = "it is no user"
    fix = 'write e.g. user="10001:10001"'
    help = help_text(
        """
        Who the container's process is: `uid`, `uid:gid`, or names of the base's `/etc/passwd` and
        `/etc/group`. Kubernetes can prove of a number that it is not root. By default the base's.
        """
    )


class WorkdirField(_Text):
    alias = "workdir"
    form = _ABSOLUTE
    why = "it is no absolute path"
    fix = 'write e.g. workdir="/app"'
    help = help_text("The working directory of the container's process. By default the base's.")


class EntrypointField(StringSequenceField):
    alias = "entrypoint"
    help = help_text(
        """
        The words of the program that every container of the image starts; `cmd` follows it. With an
        entry point of its own the image does not take over the command of the base.
        """
    )


class CmdField(StringSequenceField):
    alias = "cmd"
    help = help_text(
        """
        The words of the command that a container starts by default, without a shell:
        `["python", "-m", "app"]`. For a shell, say so: `["sh", "-c", "..."]`.
        """
    )


class ExposedPortsField(StringSequenceField):
    alias = "exposed_ports"
    help = help_text("Ports that the image serves, as `8000`, `8000/tcp` or `53/udp`.")

    @classmethod
    def compute_value(
        cls, raw_value: Iterable[str] | None, address: Address
    ) -> tuple[str, ...] | None:
        value = super().compute_value(raw_value, address)
        if value is None:
            return None
        _check(
            *(cls.alias, address, value),
            *(_is_port, "it is no port", "write e.g. 8000 or 53/udp, from 1 to 65535"),
        )
        return tuple(port if "/" in port else f"{port}/tcp" for port in value)


def _is_port(text: str) -> bool:
    match = _PORT.fullmatch(text)
    return match is not None and 1 <= int(match[1]) <= 65535


class VolumesField(StringSequenceField):
    alias = "volumes"
    help = help_text("Directories whose content outlives the container: absolute paths.")

    @classmethod
    def compute_value(
        cls, raw_value: Iterable[str] | None, address: Address
    ) -> tuple[str, ...] | None:
        value = super().compute_value(raw_value, address)
        _check(
            *(cls.alias, address, value or (), is_absolute),
            *("it is no absolute path", 'write e.g. volumes=["/var/lib/app"]'),
        )
        return value


class StopSignalField(_Text):
    alias = "stop_signal"
    form = _SIGNAL
    why = "it is no signal"
    fix = 'write e.g. stop_signal="SIGTERM"'
    help = help_text("The signal that ends the container, as `SIGTERM` or `15`.")


class HealthcheckField(Field):
    alias = "healthcheck"
    default = None
    value: Healthcheck | None
    help = help_text(
        """
        How the engine finds out whether the container is well: a dictionary of

        - `test`: the words of a command, without a shell, that ends with 0 when it is; or
        `["NONE"]`, for no check although the base has one;
        - `interval`, `timeout`, `start_period`: durations such as `30s`;
        - `retries`: how many failures in a row it takes.

        Kubernetes has probes of its own and does not read it.
        """
    )

    @classmethod
    def compute_value(cls, raw_value: Any, address: Address) -> Healthcheck | None:
        value = super().compute_value(raw_value, address)
        if value is None:
            return None

        def wrong(found: object, why: str, fix: str) -> Exception:
            return invalid(cls.alias, address, found, why, fix)

        if not isinstance(value, Mapping):
            raise wrong(value, "it is no dictionary", 'write e.g. {"test": ["true"]}')
        unknown = sorted(set(value) - {"test", "retries", *_DURATIONS}, key=str)
        if unknown:
            known = ", ".join(("test", *_DURATIONS, "retries"))
            raise wrong(unknown[0], "there is no such part", f"use {known}")
        words = value.get("test")
        if (
            isinstance(words, str)
            or not isinstance(words, Iterable)
            or not (test := tuple(words))
            or not all(isinstance(word, str) for word in test)
        ):
            raise wrong(words, "the test is no list of words", 'write e.g. ["curl", "-f", "..."]')
        retries = value.get("retries", 0)
        if isinstance(retries, bool) or not isinstance(retries, int) or retries < 0:
            raise wrong(retries, "the retries are no number", "write e.g. 3")
        durations: dict[str, int] = {}
        for name in _DURATIONS:
            duration = _nanoseconds(value.get(name, "0s"))
            if duration is None:
                raise wrong(value[name], f"its {name} is no duration", "write e.g. 30s")
            durations[name] = duration
        test = test if test == ("NONE",) else ("CMD", *test)
        return Healthcheck(test, **durations, retries=retries)


def _nanoseconds(duration: object) -> int | None:
    try:
        return nanoseconds(duration) if isinstance(duration, str) else None
    except ValueError:
        return None


_DURATIONS = ("interval", "timeout", "start_period")
SETTING_FIELDS = (
    AnnotationsField,
    CmdField,
    EntrypointField,
    EnvField,
    ExposedPortsField,
    HealthcheckField,
    LabelsField,
    StopSignalField,
    UserField,
    VolumesField,
    WorkdirField,
)


def settings_of(target: Target) -> ImageSettings:
    """What the fields of an `oci_image` say of how it runs."""
    return ImageSettings(
        env=tuple((target[EnvField].value or {}).items()),
        labels=tuple((target[LabelsField].value or {}).items()),
        user=target[UserField].value or "",
        workdir=target[WorkdirField].value or "",
        entrypoint=target[EntrypointField].value,
        cmd=target[CmdField].value,
        exposed_ports=target[ExposedPortsField].value or (),
        volumes=target[VolumesField].value or (),
        stop_signal=target[StopSignalField].value or "",
        healthcheck=target[HealthcheckField].value,
    )
