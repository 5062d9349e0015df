"""Where this machine gets packages from, as JSON: what an image must not name.

    package_sources.py [ADDRESS ...]

Reads the settings of pip and apt, and adds the addresses given. Where pip is not told, its built-in
index is not in the result: documents of many packages name it. Standard library only.
"""

from __future__ import annotations

import configparser
import json
import os
import pwd
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

_URL = re.compile(r"(?:[a-z][a-z+]*:)?//[^\s\"'\]|]+")
_PIP_KEYS = ("index-url", "extra-index-url", "find-links", "proxy", "trusted-host")
_LOOPBACK = re.compile(r"localhost|127\.[\d.]+|::1|")
# Shorter ones are in some text by chance.
_SHORTEST_SECRET = 6


def pip_files(home: Path, environment: dict[str, str]) -> Iterator[Path]:
    """Where pip looks for its settings."""
    yield Path("/etc/pip.conf")
    for directory in environment.get("XDG_CONFIG_DIRS", "/etc/xdg").split(":"):
        yield Path(directory) / "pip" / "pip.conf"
    yield home / ".pip" / "pip.conf"
    yield home / ".config" / "pip" / "pip.conf"
    yield Path(sys.base_prefix) / "pip.conf"
    if environment.get("PIP_CONFIG_FILE"):
        yield Path(environment["PIP_CONFIG_FILE"])


def of_pip(files: Iterable[Path], environment: dict[str, str]) -> Iterator[str]:
    """The addresses of pip's settings: each file's, since a later one only hides them from pip."""
    for file in files:
        parser = configparser.ConfigParser(interpolation=None, strict=False)
        try:
            parser.read(file)
        except (configparser.Error, UnicodeDecodeError):
            continue  # pip refuses it, too, so that nothing came from there
        for section in parser.values():
            for key in _PIP_KEYS:
                yield from section.get(key, "").split()
    for key in _PIP_KEYS:
        yield from environment.get(f"PIP_{key.upper().replace('-', '_')}", "").split()
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        for variable in (name, name.upper()):
            yield from environment.get(variable, "").split()


def of_apt(directory: Path) -> Iterator[str]:
    """The addresses of apt's sources."""
    lists = directory / "sources.list.d"
    for file in (directory / "sources.list", *lists.glob("*.list"), *lists.glob("*.sources")):
        if file.is_file():
            for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
                if not line.lstrip().startswith("#"):
                    yield from _URL.findall(line)


def needles(addresses: Iterable[str]) -> dict[str, list[str]]:
    """What to look for: `exact` texts that are nowhere by chance, and names of `hosts`."""
    exact: set[str] = set()
    hosts: set[str] = set()
    for address in addresses:
        url = urlsplit(address if "//" in address else f"//{address}")
        host = (url.hostname or "").lower()
        for secret in (url.username, url.password):
            if secret and len(unquote(secret)) >= _SHORTEST_SECRET:
                exact |= {secret, unquote(secret)}
        if _LOOPBACK.fullmatch(host):
            continue
        hosts.add(host)
        place = url.netloc.rpartition("@")[2]
        if url.path.strip("/"):
            exact.add(f"{place}{url.path.rstrip('/')}")
    return {"exact": sorted(exact), "hosts": sorted(hosts)}


def main(argv: list[str]) -> int:
    home = Path(pwd.getpwuid(os.getuid()).pw_dir)
    environment = dict(os.environ)
    found = needles(
        (*of_pip(pip_files(home, environment), environment), *of_apt(Path("/etc/apt")), *argv)
    )
    print(json.dumps(found, sort_keys=True))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
