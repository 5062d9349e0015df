"""What a `RuleRunner` needs to start interpreters and PEXes on this machine.

`RuleRunner` reads no `pants.toml` and inherits no environment, so that tests do not depend on
them. But Pants' defaults find neither a pex that knows CPython 3.12 nor our interpreters.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from pants.engine.fs import FileContent
from pants.option.config import Config
from pants.testutil.rule_runner import RuleRunner
from pants.util.frozendict import FrozenDict

# Set by the launcher. A test that uses this module needs `extra_env_vars=MACHINE_ENV` in BUILD.
MACHINE_ENV = frozenset(
    {
        "PANTS_PEX_CLI_URL_TEMPLATE",
        "PANTS_PYTHON_BOOTSTRAP_SEARCH_PATH",
        "PANTS_PYTHON_REPOS_PATH_MAPPINGS",
        "PATH",
    }
)


def certificates() -> dict[str, str]:
    """What tells a Pants with caches of its own, which no launcher sets up, of certificates."""
    file = os.environ.get("SSL_CERT_FILE")
    return {"PANTS_CA_CERTS_PATH": file} if file else {}


def pex_options() -> list[str]:
    """The pex that this repository uses."""
    config = Config.load([FileContent("pants.toml", Path("pants.toml").read_bytes())])
    (values,) = config.values
    pex_cli = values.section_to_values["pex-cli"]
    return [
        f"--pex-cli-version={pex_cli['version']}",
        f"--pex-cli-known-versions={pex_cli['known_versions']}",
    ]


def set_options(
    runner: RuleRunner, args: Iterable[str], env: Mapping[str, str] = FrozenDict()
) -> None:
    """`runner.set_options`, with the tools and interpreters of this repository and machine."""
    runner.set_options(
        [*pex_options(), *args],
        env={**certificates(), **env},
        env_inherit=set(MACHINE_ENV),
    )
