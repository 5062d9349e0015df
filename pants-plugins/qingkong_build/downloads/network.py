"""The network's settings for processes that download, which are no part of what they are.

Addresses of mirrors, proxies, certificates and passwords differ from user to user, and a file with
a given sha256 does not. So a process that downloads has none of them in its arguments, environment
or inputs, which are its cache key and are kept in the store. It reads them when it runs, from a
file of this Pants process: outside all caches, for this user only, and gone with the process. A
named cache, which is no part of a key either, leads to it.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pants.backend.python.subsystems.repos import PythonRepos
from pants.base.build_environment import get_buildroot
from pants.engine.env_vars import EnvironmentVars, EnvironmentVarsRequest
from pants.engine.rules import Get, _uncacheable_rule, collect_rules
from pants.option.global_options import GlobalOptions, NamedCachesDirOption
from pants.util.frozendict import FrozenDict

# As in scripts/network_settings.py, which runs elsewhere.
FOLDER = ".network"
POINTER = "settings-path"
_PREFIX = "qingkong_network_"
# A directory of this age that no process has locked belongs to a process that was killed.
_STALE_SECONDS = 60
_VARIABLES = (
    *("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_CERT", "PIP_PROXY", "PIP_TRUSTED_HOST"),
    *("PIP_TIMEOUT", "PIP_DEFAULT_TIMEOUT", "PIP_RETRIES"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
    *("http_proxy", "https_proxy", "all_proxy", "no_proxy"),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
    # Where passwords are, and what the programs need that keep them.
    *("NETRC", "DOCKER_CONFIG", "REGISTRY_AUTH_FILE"),
    *("HOME", "USER", "PATH", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR"),
    *("DBUS_SESSION_BUS_ADDRESS", "DISPLAY", "GNUPGHOME", "PYTHON_KEYRING_BACKEND"),
)
_directories: list[tempfile.TemporaryDirectory[str]] = []


@dataclass(frozen=True)
class NetworkAccess:
    """`caches` gives a process the settings; its value is the same in each session."""

    caches: FrozenDict[str, str]


@_uncacheable_rule
async def network_access(
    repos: PythonRepos, options: GlobalOptions, named_caches: NamedCachesDirOption
) -> NetworkAccess:
    environment = await Get(EnvironmentVars, EnvironmentVarsRequest(_VARIABLES))
    settings = {
        "environment": dict(environment),
        "indexes": list(repos.indexes),
        "path_mappings": list(repos.path_mappings),
        "ca_certs_path": _absolute(options.ca_certs_path or ""),
    }
    runtime = environment.get("XDG_RUNTIME_DIR", "")
    cache = _leave(json.dumps(settings), runtime, Path(_absolute(str(named_caches.val))))
    return NetworkAccess(FrozenDict({cache: FOLDER}))


def _leave(settings: str, runtime_directory: str, named_caches: Path) -> str:
    """Write the settings; returns the name of the named cache that leads to them."""
    directory = _directory_of_process(runtime_directory)
    # A process has one repository; tests have many.
    digest = hashlib.sha256(f"{directory}\n{get_buildroot()}".encode()).hexdigest()[:12]
    # A cache's name may have letters only, whatever Pants' error says of digits.
    name = digest.translate(str.maketrans("0123456789", "ghijklmnop"))
    path = directory / f"{name}.json"
    _write(path, settings)
    _remove_stale(named_caches)
    cache = named_caches / f"{_PREFIX}{name}"
    cache.mkdir(parents=True, exist_ok=True)
    _write(cache / POINTER, str(path))
    return cache.name


def _absolute(path: str) -> str:
    return os.path.join(get_buildroot(), path) if path else ""


def _directory_of_process(runtime_directory: str) -> Path:
    """A directory for this user only, which is removed when this process ends."""
    for made in _directories:
        if os.path.isdir(made.name):
            return Path(made.name)
    for parent in (runtime_directory, tempfile.gettempdir()):
        if parent and os.access(parent, os.W_OK):
            break
    for path in Path(parent).glob(f"{_PREFIX}*"):
        _remove_unlocked(path)
    made = tempfile.TemporaryDirectory(prefix=_PREFIX, dir=parent)
    # Until this process ends, however it ends. Programs that clean up such places heed it, too.
    fcntl.flock(os.open(made.name, os.O_RDONLY), fcntl.LOCK_EX)
    _directories.append(made)
    return Path(made.name)


def _remove_unlocked(path: Path) -> None:
    """Remove the directory of a process that was killed."""
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        try:
            status = os.fstat(descriptor)
            # A new one is not locked yet.
            if status.st_uid == os.getuid() and time.time() - status.st_mtime > _STALE_SECONDS:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path)
        finally:
            os.close(descriptor)


def _remove_stale(named_caches: Path) -> None:
    """Remove named caches of processes that ended."""
    for pointer in named_caches.glob(f"{_PREFIX}*/{POINTER}"):
        with contextlib.suppress(OSError):
            if not os.path.exists(pointer.read_text(encoding="utf-8")):
                shutil.rmtree(pointer.parent)


def _write(path: Path, content: str) -> None:
    """Write a file at once, for its owner only."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent)
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(content)
    os.replace(temporary, path)


def rules() -> Iterable[object]:
    return collect_rules()
