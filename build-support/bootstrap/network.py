"""How processes of a build reach the network, where no cache key sees it.

Pants' processes get no environment but what is part of their keys, and certificates, proxies and
passwords must not be. The pex tool reads a file at run time instead: `network.path` in its cache
(which every sandbox has at the same place) names a private file of the launcher, which holds
variables to set. See pex_preamble.py.
"""

from __future__ import annotations

import hashlib
import json
import netrc
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from errors import BootstrapError, say
from pip_settings import PipSettings
from private_files import write_if_changed

_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
_BUNDLES = ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE")


@dataclass(frozen=True)
class Network:
    """How a process that downloads is told of the network.

    Attributes:
        variables: certificates, proxies, `NETRC`.
        netrc: the users of hosts, if there are any.
        watched: files that these were made from.
    """

    variables: Mapping[str, str]
    netrc: Path | None
    watched: tuple[Path, ...]


def network_for(private: Path, settings: PipSettings) -> Network:
    """The machine's network as pip's settings and the environment describe it."""
    variables = dict(_certificates(settings))
    variables.update(_proxies(settings))
    file, watched = _netrc(private, settings)
    if file is not None:
        variables["NETRC"] = str(file)
    return Network(variables, file, watched)


def _certificates(settings: PipSettings) -> Iterator[tuple[str, str]]:
    named = [settings.cert, *(os.environ.get(name) for name in _BUNDLES)]
    for bundle in named:
        if bundle and Path(bundle).exists():
            path = str(Path(bundle).absolute())
            yield "REQUESTS_CA_BUNDLE", path
            yield ("SSL_CERT_DIR" if Path(bundle).is_dir() else "SSL_CERT_FILE"), path
            return
        if bundle and bundle is settings.cert:
            raise BootstrapError(
                "the certificates that pip is told to use do not exist",
                where="cert of pip's settings (PIP_CERT or pip.conf)",
                value=bundle,
                fix="name a file of PEM certificates, or remove the setting",
            )
    if os.environ.get("SSL_CERT_DIR"):
        yield "SSL_CERT_DIR", os.environ["SSL_CERT_DIR"]


def _proxies(settings: PipSettings) -> Iterator[tuple[str, str]]:
    found = {
        spelled: os.environ[spelled]
        for name in _PROXIES
        for spelled in (name, name.upper())
        if os.environ.get(spelled)
    }
    if settings.proxy:
        for name in ("http_proxy", "https_proxy"):
            found.pop(name.upper(), None)
            found[name] = settings.proxy
    yield from found.items()


def _netrc(private: Path, settings: PipSettings) -> tuple[Path | None, tuple[Path, ...]]:
    """A netrc file with the user's entries and that of the index, and the user's own file."""
    users = Path(os.environ.get("NETRC") or os.path.expanduser("~/.netrc"))
    credential = settings.credential
    text = ""
    if users.is_file():
        try:
            netrc.netrc(str(users))
            text = users.read_text(encoding="utf-8", errors="surrogateescape")
        except (netrc.NetrcParseError, OSError) as error:
            say(f"{users} is ignored, as pip ignores it: {error}")
    if credential is not None:
        # The last entry for a machine is the one that counts; some readers look for a port.
        for machine in dict.fromkeys((credential.machine.partition(":")[0], credential.machine)):
            text += f"\nmachine {machine} login {credential.login} password {credential.password}\n"
    if not text:
        return None, (users,)
    file = private / f"netrc-{_key(text)}"
    write_if_changed(file, text)
    return file, (users,)


def _key(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def write_for_pex(
    named_caches: Path, private: Path, network: Network, settings: PipSettings
) -> Path:
    """Have the pex tool find the network; returns the file that says where."""
    arguments = []
    if settings.timeout:
        arguments += ["--timeout", settings.timeout]
    if settings.retries:
        arguments += ["--retries", settings.retries]
    document = {"environment": dict(network.variables), "arguments": arguments}
    text = json.dumps(document, sort_keys=True, indent=1) + "\n"
    file = private / f"network-{_key(text)}.json"
    write_if_changed(file, text)
    cache = named_caches / "pex_root"
    pointer = cache / "network.path"
    write_if_changed(pointer, f"{file}\n")
    # pex itself reads ~/.netrc only. A link: what saves this cache elsewhere saves no password.
    link = cache / "home" / ".netrc"
    link.parent.mkdir(exist_ok=True)
    link.unlink(missing_ok=True)
    if network.netrc is not None:
        link.symlink_to(network.netrc)
    return pointer
