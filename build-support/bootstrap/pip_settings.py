"""The machine's pip settings, read once by pip's own code, and what a build takes of them.

A build takes where packages come from and how they are reached: `index-url`, certificates, `proxy`,
`timeout`, `retries`, `trusted-host`. What would change the packages themselves (`constraint`,
`extra-index-url`, ...) is not taken: lockfiles say what is installed. No pip or pex process of a
build reads these settings again.
"""

from __future__ import annotations

import ensurepip
import re
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from errors import BootstrapError

# Settings that say nothing about a build: they are pip's output, cache and manners.
_HARMLESS = frozenset(
    {
        *("cache-dir", "no-cache-dir", "disable-pip-version-check", "no-color", "no-input"),
        *("progress-bar", "quiet", "verbose", "log", "root-user-action", "break-system-packages"),
        *("no-warn-script-location", "no-warn-conflicts", "no-python-version-warning", "debug"),
        *("require-virtualenv", "exists-action", "use-feature", "use-deprecated", "prefer-binary"),
        *("config-file", "python", "default-timeout"),
    }
)
_USED = frozenset(
    {
        *("index-url", "cert", "client-cert", "proxy", "timeout", "retries", "trusted-host"),
        "keyring-provider",
    }
)
# What is ignored with a reason of its own; anything else is "about what pip installs, or where".
_REASONS = {
    "extra-index-url": "lockfiles are for one index; name one that has all packages as index-url",
    "find-links": "lockfiles are for one index; name one that has all packages as index-url",
    "constraint": "lockfiles pin every version",
    "no-index": "lockfiles are for an index",
}
_OTHERWISE = "lockfiles say what is installed, and the build where"


@dataclass(frozen=True)
class Credential:
    """A user of an index. `machine` is its host, with its port where the address has one."""

    machine: str
    login: str
    password: str


@dataclass(frozen=True)
class PipSettings:
    """What a build takes of pip's settings.

    Attributes:
        index: address without credentials; None for pip's default.
        proxy: may hold a password.
        ignored: settings that are not taken, with the reason.
        files: where pip looks for settings, whether they exist or not.
    """

    index: str | None
    credential: Credential | None
    cert: str | None
    client_cert: str | None
    proxy: str | None
    timeout: str | None
    retries: str | None
    trusted_host: str | None
    ignored: Mapping[str, str]
    files: tuple[Path, ...]


def bundled_pip(scratch: Path) -> Path:
    """The pip that this interpreter brings, unpacked: the folder to import it from."""
    folders = [
        sysconfig.get_config_var("WHEEL_PKG_DIR"),
        Path(ensurepip.__file__).parent / "_bundled",
    ]
    for folder in folders:
        for wheel in sorted(Path(folder).glob("pip-*.whl")) if folder else ():
            target = scratch / "bundled-pip"
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(target)
            return target
    raise BootstrapError(
        "CPython 3.12 has no pip of its own",
        where=sys.executable,
        value=f"no pip-*.whl in {' or '.join(str(folder) for folder in folders if folder)}",
        fix="install its ensurepip (on Debian and Ubuntu: python3.12-venv)",
    )


def read_pip_settings(pip: Path) -> PipSettings:
    """Read the settings of `pip install` with the pip in the folder `pip`."""
    sys.path.insert(0, str(pip))
    try:
        # Of the folder above, and no requirement.
        from pip._internal.configuration import Configuration  # pants: no-infer-dep
        from pip._internal.exceptions import ConfigurationError  # pants: no-infer-dep
    finally:
        sys.path.remove(str(pip))
    configuration = Configuration(isolated=False)
    files = tuple(
        Path(file) for _, files in configuration.iter_config_files() for file in files if file
    )
    try:
        configuration.load()
    except ConfigurationError as error:
        text = " ".join(str(error).split())
        broken = next((str(file) for file in files if str(file) in text), "pip's configuration")
        raise BootstrapError(
            "pip's configuration cannot be read",
            where=broken,
            value=re.sub(r"//[^/@\s]*@", "//", text)[:300],
            fix="correct that file; `pip config debug` shows which files pip reads",
        ) from error
    return pip_settings_from(dict(configuration.items()), files)


def pip_settings_from(found: Mapping[str, object], files: Iterable[Path]) -> PipSettings:
    """Settings from `{"global.index-url": …, "install.…": …, ":env:.…": …}`."""
    values: dict[str, str] = {}
    for section in ("global", "install", ":env:"):
        for key, value in found.items():
            owner, _, name = key.rpartition(".")
            if owner == section and str(value).strip():
                values[name.replace("_", "-")] = str(value).strip()
    index, credential = _split_credentials(values.get("index-url"), values.get("keyring-provider"))
    return PipSettings(
        index=index,
        credential=credential,
        cert=values.get("cert"),
        client_cert=values.get("client-cert"),
        proxy=values.get("proxy"),
        timeout=values.get("timeout", values.get("default-timeout")),
        retries=values.get("retries"),
        trusted_host=values.get("trusted-host"),
        ignored={
            name: _REASONS.get(name, _OTHERWISE)
            for name in sorted(values)
            if name not in _USED | _HARMLESS and not _is_off(name, values[name])
        },
        files=tuple(files),
    )


def _is_off(name: str, value: str) -> bool:
    """`no-index = false` and the like change nothing."""
    return name not in ("constraint", "find-links", "extra-index-url") and value.lower() in (
        *("0", "false", "no", "off", "n", "f"),
    )


def without_credentials(url: str) -> str:
    """`url` as it may be shown and stored."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _split_credentials(
    url: str | None, keyring_provider: str | None
) -> tuple[str | None, Credential | None]:
    if url is None:
        return None, None
    parts = urlsplit(url)
    user, found, machine = parts.netloc.rpartition("@")
    if not found:
        return url, None
    plain = without_credentials(url)
    login, _, password = (unquote(text) for text in user.partition(":"))
    if not password and keyring_provider in ("import", "subprocess"):
        password = _ask_keyring(plain, machine, login)
    if not password:
        # ~/.netrc may know it, as for pip.
        return plain, None
    credential = Credential(machine, login, password)
    for name, text in (("user", login), ("password", password)):
        # What every reader of the netrc format takes as it is.
        if not re.fullmatch(r"[^\s\"\\#][^\s\"\\]*|", text):
            raise BootstrapError(
                f"the index {name} has characters that a netrc file cannot hold",
                where=f"index-url of pip's settings, for {machine}",
                value=f"a {name} with a space, a quote, a backslash, or `#` at its start",
                fix="use a token without such characters",
            )
    return plain, credential


def _ask_keyring(url: str, machine: str, login: str) -> str:
    """The password that the `keyring` program knows, asked for as pip does."""
    for service in (url, machine):
        try:
            done = subprocess.run(
                ["keyring", "get", service, login],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=30,
            )
        except (OSError, subprocess.TimeoutExpired):
            return ""
        if done.returncode == 0 and done.stdout.strip():
            return done.stdout.strip()
    return ""
