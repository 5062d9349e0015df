"""What of this machine must not be in an image: package mirrors, credentials, folders.

Nothing is named here: everything is read from the settings of pip and apt, from
``pants.cn.toml`` and from the running interpreter.
"""

from __future__ import annotations

import configparser
import os
import pwd
import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

_URL = re.compile(r"(?:[a-z][a-z+]*:)?//[^\s\"'\]|]+")
_PIP_KEYS = {"index-url", "extra-index-url", "find-links", "proxy", "trusted-host"}
#: Folders that every system has.
_COMMON_FOLDERS = {"/", "/usr", "/usr/local", "/opt", "/tmp", "/home", "/var"}
_LOOPBACK = re.compile(r"localhost|127\.[\d.]+|\[::1\]|")


@dataclass
class Needles:
    """Texts to search for.

    Attributes:
        exact: long enough that no text of a package has one by chance.
        short: names of hosts, and the user's home folder; a package's own examples may have one
            by chance, what we make must not.
    """

    exact: set[str] = field(default_factory=set)
    short: set[str] = field(default_factory=set)

    def add_address(self, text: str) -> None:
        """Add the address of a mirror: a URL, a folder or the name of a host."""
        url = urlsplit(text if "//" in text or text.startswith("/") else f"//{text}")
        host = (url.hostname or "").lower()
        if url.username:
            self._add_credentials(url)
        if not host:
            self.add_folder(url.path)
            return
        place = url.netloc.rpartition("@")[2]
        if url.path.strip("/"):
            self.exact.add(f"{place}{url.path.rstrip('/')}")
        if not _LOOPBACK.fullmatch(host):
            self.short.add(host)

    def add_folder(self, path: str) -> None:
        """Add a folder, unless every system has it."""
        if path.startswith("/") and path.rstrip("/") not in _COMMON_FOLDERS:
            (self.exact if path.count("/") > 1 else self.short).add(f"{path.rstrip('/')}/")

    def _add_credentials(self, url: SplitResult) -> None:
        for secret in (url.username, url.password):
            if secret and len(secret) > 5:
                self.exact |= {secret, unquote(secret)}


def needles() -> Needles:
    """What to search for on this machine."""
    found = Needles()
    for text in (*_of_pip(), *_of_apt(), *_of_pants()):
        found.add_address(text)
    for variable in ("http_proxy", "https_proxy", "all_proxy"):
        for value in (os.environ.get(variable), os.environ.get(variable.upper())):
            if value:
                found.add_address(value)
    for prefix in (sys.prefix, sys.base_prefix):
        found.add_folder(str(Path(prefix)))
        found.add_folder(str(Path(prefix).resolve()))
    home = _home()
    if str(home) not in _COMMON_FOLDERS:
        found.short.add(f"{home}/")
    # Where Pants runs its processes, and keeps what it was given.
    found.exact |= {"/pants-sandbox-", ".cache/pants/", "/pex_root/"}
    return found


def _home() -> Path:
    return Path(pwd.getpwuid(os.getuid()).pw_dir)


def _of_pip() -> Iterator[str]:
    home = _home()
    files = [
        Path("/etc/pip.conf"),
        *(Path(x) / "pip/pip.conf" for x in os.environ.get("XDG_CONFIG_DIRS", "").split(":") if x),
        Path("/etc/xdg/pip/pip.conf"),
        home / ".pip/pip.conf",
        home / ".config/pip/pip.conf",
        Path(sys.prefix) / "pip.conf",
        Path(sys.base_prefix) / "pip.conf",
        Path(os.environ.get("PIP_CONFIG_FILE", os.devnull)),
    ]
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    for file in files:
        # One at a time: a later file must not hide what an earlier one names.
        parser.clear()
        parser.read(file)
        for section in parser.values():
            for key in _PIP_KEYS & set(section):
                yield from section[key].split()
    for key in _PIP_KEYS:
        yield from os.environ.get(f"PIP_{key.upper().replace('-', '_')}", "").split()


def _of_apt() -> Iterator[str]:
    folder = Path("/etc/apt")
    lists = folder / "sources.list.d"
    for file in (folder / "sources.list", *lists.glob("*.list"), *lists.glob("*.sources")):
        if file.is_file():
            for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
                if not line.lstrip().startswith("#"):
                    yield from _URL.findall(line)


def _of_pants() -> Iterator[str]:
    yield from _strings(tomllib.loads(Path("pants.cn.toml").read_text(encoding="utf-8")))


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield from _URL.findall(value)
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _strings(item)
