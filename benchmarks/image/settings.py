"""How this machine reaches package indexes, for builds in containers: given as secrets."""

from __future__ import annotations

import configparser
import os
import platform
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from uv import find_uv_bin

from measuring.commands import run

# As uv has them; what pip knows beside these, it is not told.
_INDEX, _EXTRA = "index-url", "extra-index-url"
_PIP_OPTIONS = (_INDEX, _EXTRA, "trusted-host", "proxy", "timeout", "retries")
_APT_SOURCES = "deploy/base/apt_sources.py"
_IN_CONTAINER = "/etc/ssl/certs/ca-certificates.crt"


@dataclass(frozen=True)
class PackageSettings:
    """`files` is the address that the `PYPI_FILES` of lockfiles stands for; `python` has pip."""

    secrets: Mapping[str, Path]
    files: str
    python: Path
    uv_program: Path


def pip_options(listing: str) -> dict[str, str]:
    """Of what `pip config list` prints, the options that hold in a container too."""
    found: dict[str, str] = {}
    for line in listing.splitlines():
        name, _, value = line.partition("=")
        option = name.strip(":").rpartition(".")[2]
        # Variables of the environment come last, as they win.
        if option in _PIP_OPTIONS:
            words = value.strip().strip("'\"").replace("\\n", " ").split()
            text = " ".join(word for word in words if not word.startswith(("file:", "/")))
            if text:
                found[option] = text
    return found


def package_settings(root: Path, python: Path, folder: Path) -> PackageSettings:
    """Find the settings of this machine, and write what builds get to `folder`.

    Args:
        root: of the repository, whose launcher knows where Pants gets packages.
        python: whose pip is asked.

    Raises:
        CommandError: the launcher or pip failed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    script = (
        "source ./.pants.bootstrap --version >&2;"
        ' printf \'%s\\n%s\\n\' "$PANTS_PYTHON_REPOS_PATH_MAPPINGS" "${SSL_CERT_FILE-}"'
    )
    told = run(["bash", "-euo", "pipefail", "-c", script], root).output
    mapping, certificates = told.splitlines()
    options = pip_options(run([python, "-m", "pip", "config", "list"], root).output)

    pip = configparser.ConfigParser(interpolation=None)
    pip["global"] = {**options, "cert": _IN_CONTAINER}
    with (folder / "pip.conf").open("w", encoding="utf-8") as file:
        pip.write(file)

    authority = Path(certificates or ssl.get_default_verify_paths().cafile or os.devnull)
    (folder / "ca.crt").write_bytes(authority.read_bytes())
    (folder / "sources.list").write_text(apt_sources(root, python), encoding="utf-8")

    lines = ["native-tls = true"]
    for option, default in ((_EXTRA, "false"), (_INDEX, "true")):
        lines += [
            f'[[index]]\nurl = "{url}"\ndefault = {default}'
            for url in options.get(option, "").split()
        ]
    (folder / "uv.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")

    files = mapping.partition("|")[2].rstrip('"]')
    return PackageSettings(
        secrets={
            "pip": folder / "pip.conf",
            "ca": folder / "ca.crt",
            "apt": folder / "sources.list",
            "uv": folder / "uv.toml",
        },
        files=f"https:{files}",
        python=python,
        uv_program=Path(find_uv_bin()),
    )


def apt_sources(root: Path, python: Path) -> str:
    """The mirrors that the stand-in for the base image is made from, as a `sources.list`."""
    release = platform.freedesktop_os_release().get("VERSION_CODENAME", "none")
    found = run([python, _APT_SOURCES, "--suite", "bookworm", "--machine", release], root)
    lines = []
    for line in found.output.splitlines():
        uri, suite, components, _ = line.split()
        lines.append(f"deb {uri} {suite} {components.replace(',', ' ')}\n")
    return "".join(lines)
