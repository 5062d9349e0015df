"""Where the package index keeps its files: lockfiles name no host."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

from errors import BootstrapError
from pip_runs import HERE, Pip
from pip_settings import without_credentials
from private_files import write_atomically

# A small pure wheel of the Pants lock. Where the index says its file is, is where all files are.
_PROBE = "ansicolors"


def path_mapping(state: Path, pip: Pip) -> str:
    """`//host/prefix` of the files of this machine's index; asked once for each index."""
    index = pip.settings.index or ""
    answer = state / "indexes" / hashlib.sha256(index.encode()).hexdigest()[:16]
    if not answer.exists():
        simple, host = _default_index(pip)
        if index.rstrip("/") in ("", simple.rstrip("/")):
            prefix = f"//{host}/packages"
        else:
            prefix = _ask_index(pip, index)
        write_atomically(answer, prefix + "\n")
    return answer.read_text().strip()


def _default_index(pip: Pip) -> tuple[str, str]:
    """The index that pip uses when no setting says otherwise, and the host of its files."""
    code = (
        "from pip._internal.models.index import PyPI\n"
        "print(PyPI.simple_url, PyPI.file_storage_domain)"
    )
    done = subprocess.run(
        [pip.command[0], "-I", "-c", code], capture_output=True, text=True, check=True
    )
    simple, host = done.stdout.split()
    return simple, host


def files_prefix(url: str) -> str | None:
    """`//host/prefix` of a file's address, the part before `/aa/bb/<rest of the hash>/name`."""
    parts = urlsplit(url)
    found = re.match(r"(?P<prefix>.*)/[0-9a-f]{2}/[0-9a-f]{2}/[0-9a-f]{60}/[^/]+$", parts.path)
    if not parts.netloc or found is None:
        return None
    return f"//{parts.netloc.rpartition('@')[2]}{found['prefix']}"


def _ask_index(pip: Pip, index: str) -> str:
    """Where `index` keeps its files. pip asks, so its proxy, certificates and users are used."""
    pinned = re.search(rf"^{_PROBE}==\S+", (HERE / "pants.requirements.txt").read_text(), re.M)
    assert pinned is not None
    report = pip.run(
        *("install", "--dry-run", "--ignore-installed", "--no-deps", "--quiet"),
        *("--report", "-", pinned[0]),
        what="finding where the index keeps its files",
        lock="pants.requirements.txt",
        size=1_000_000,
    )
    url = str(json.loads(report)["install"][0]["download_info"]["url"])
    prefix = files_prefix(url)
    if prefix is None:
        raise BootstrapError(
            "the files of the index are not laid out as the lockfiles expect",
            where=f"the index {index}",
            value=without_credentials(url),
            fix="use an index that keeps …/aa/bb/<hash>/<file>, or name the prefix yourself:"
            " PANTS_PYTHON_REPOS_PATH_MAPPINGS='[\"PYPI_FILES|//host/packages\"]'",
        )
    return prefix
