"""What an image says of how it runs, and what that makes of the settings of its base.

Pure functions. The names are those of the fields of `oci_image`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_NANOSECONDS = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ns|us|ms|s|m|h)")
_REFERENCE = re.compile(r"\$\{([^}]*)\}")

#: Of the OCI image configuration, and the two of Docker's that it reserves. What else an engine
#: reports of an image (`Hostname`, `AttachStdin` and the like) is about a container, and would make
#: another image of the same base.
KNOWN = (
    "User",
    "ExposedPorts",
    "Env",
    "Entrypoint",
    "Cmd",
    "Volumes",
    "WorkingDir",
    "Labels",
    "StopSignal",
    "Healthcheck",
    "Shell",
)


class SettingsError(Exception):
    """A setting that does not fit the base: the field, its value, and what to do."""


@dataclass(frozen=True)
class Healthcheck:
    """Durations are in nanoseconds, as images have them; 0 is the engine's default."""

    test: tuple[str, ...]
    interval: int = 0
    timeout: int = 0
    start_period: int = 0
    retries: int = 0

    def document(self) -> dict[str, Any]:
        durations = {
            "Interval": self.interval,
            "Timeout": self.timeout,
            "StartPeriod": self.start_period,
            "Retries": self.retries,
        }
        return {"Test": list(self.test), **{name: v for name, v in durations.items() if v}}


@dataclass(frozen=True)
class ImageSettings:
    """What an image sets. An empty value, or None, leaves what the base says."""

    env: tuple[tuple[str, str], ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    user: str = ""
    workdir: str = ""
    entrypoint: tuple[str, ...] | None = None
    cmd: tuple[str, ...] | None = None
    exposed_ports: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    stop_signal: str = ""
    healthcheck: Healthcheck | None = None


def configured(base: Mapping[str, Any], settings: ImageSettings) -> dict[str, Any]:
    """The `config` object of an image.

    Args:
        base: that of the base.
        settings: of the image.

    Raises:
        SettingsError: a value refers to a variable that the base has not.
    """
    config = {name: _copy(base[name]) for name in KNOWN if base.get(name)}
    if settings.env:
        below = dict(entry.split("=", 1) for entry in config.get("Env", []))
        ours = {name: _expand(name, value, below) for name, value in settings.env}
        config["Env"] = [f"{name}={value}" for name, value in {**below, **ours}.items()]
    if settings.entrypoint is not None:
        config["Entrypoint"] = list(settings.entrypoint)
        # A command of the base was meant for the base's entry point.
        config.pop("Cmd", None)
    if settings.cmd is not None:
        config["Cmd"] = list(settings.cmd)
    texts = {
        "User": settings.user,
        "WorkingDir": settings.workdir,
        "StopSignal": settings.stop_signal,
    }
    config.update({name: text for name, text in texts.items() if text})
    _add(config, "Labels", dict(settings.labels))
    _add(config, "Volumes", {path: {} for path in settings.volumes})
    _add(config, "ExposedPorts", {port: {} for port in settings.exposed_ports})
    if settings.healthcheck is not None:
        config["Healthcheck"] = settings.healthcheck.document()
    return {name: value for name, value in config.items() if value != []}


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return dict(value)
    return list(value) if isinstance(value, list) else value


def _add(config: dict[str, Any], name: str, more: Mapping[str, Any]) -> None:
    if more:
        config[name] = {**config.get(name, {}), **more}


def _expand(name: str, value: str, below: Mapping[str, str]) -> str:
    """`${NAME}` is what the base says of NAME; any other `$` is itself."""

    def replace(match: re.Match[str]) -> str:
        wanted = match.group(1)
        if wanted not in below:
            raise SettingsError(
                f"env={{{name!r}: {value!r}}}: the base has no variable {wanted!r}. Fix: name one "
                f"of {', '.join(sorted(below)) or 'none'}, or write the value itself"
            )
        return below[wanted]

    return _REFERENCE.sub(replace, value)


def nanoseconds(text: str) -> int:
    """`1m30s` as nanoseconds. Raises `ValueError` where it is no duration."""
    parts: Sequence[tuple[str, str]] = _DURATION.findall(text)
    if not parts or "".join(map("".join, parts)) != text:
        raise ValueError(f"{text!r} is no duration; write e.g. 30s or 1m30s")
    return int(sum(float(number) * _NANOSECONDS[unit] for number, unit in parts))
