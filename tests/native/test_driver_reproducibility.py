"""The driver, built once more, in everything else that must not matter: the bytes of Pants' own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from fetch_file import Wanted, fetch_sdist
from http_client import Client
from index_credentials import IndexCredentials
from native.driver_wheel import read_wheel
from network_settings import Settings
from varied_builds_for_tests import build, lay_out_requirements, members, varied

TOOLS = (
    *("auditwheel", "cython", "packaging", "poetry-core", "pyelftools", "setuptools", "wheel"),
)
# What the record has of the target's fields.
RECORDED = (
    *("project", "version", "profile", "compile_args", "link_args", "define_macros"),
    *("env_vars", "local_version", "manylinux", "compiler"),
)
ASK = """
import os
from pip._internal.configuration import Configuration
from pip._internal.models.index import PyPI

configuration = Configuration(isolated=False)
configuration.load()
print(dict(configuration.items()).get("global.index-url", PyPI.simple_url))
"""


def index() -> str:
    """The package index of this machine's pip."""
    python = Path(sys.base_prefix, "bin", f"python{sys.version_info[0]}.{sys.version_info[1]}")
    env = {k: v for k, v in os.environ.items() if not k.startswith(("PEX", "PYTHON"))}
    done = subprocess.run(
        [python, "-c", ASK], env=env, capture_output=True, text=True, check=True, timeout=60
    )
    return os.environ.get("PIP_INDEX_URL") or done.stdout.strip()


def test_the_driver_built_in_another_way(tmp_path: Path) -> None:
    ours = read_wheel()
    record = ours.record
    settings = Settings(os.environ, (index(),))
    fetch_sdist(
        Client(settings, IndexCredentials(settings)),
        record["project"],
        record["version"],
        Wanted(record["sdist_sha256"]),
        str(tmp_path / "sdist"),
    )
    source = (tmp_path / "sdist").read_bytes()
    fields = {name: record[name] for name in RECORDED}
    fields["exclude"] = ["*.c", "*.h", "*.pyx"]
    fields["patches"] = [patch["name"] for patch in record["patches"]]
    other = build(
        tmp_path / "a much longer directory" / "with a blank and ünïcode",
        lay_out_requirements(tmp_path / "requirements", TOOLS),
        source,
        fields,
        [Path("3rdparty/asyncmy", name).read_bytes() for name in fields["patches"]],
        **varied(tmp_path),
    )
    assert members(other) == members(ours.content)
    # Order, times and modes in the archive, too.
    assert other == ours.content
