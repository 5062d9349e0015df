"""What the committed lockfiles promise."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

LOCKS = (
    "prod",
    "dev",
    "benchmarks",
    "pytest",
    "plugins",
    "native-build",
    "image-layer",
    "image-tools",
    "cache-server",
    "remote-worker",
    "audit",
)
FILES = "https:${PYPI_FILES}/"


def lock(name: str) -> list[dict[str, Any]]:
    """The locked requirements of `3rdparty/{name}.lock`."""
    text = Path(f"3rdparty/{name}.lock").read_text()
    body = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("//"))
    return [
        requirement
        for resolve in json.loads(body)["locked_resolves"]
        for requirement in resolve["locked_requirements"]
    ]


def pins(name: str) -> dict[str, str]:
    return {entry["project_name"]: entry["version"] for entry in lock(name)}


def test_every_resolve_has_its_test_here() -> None:
    with open("pants.toml", "rb") as file:
        assert set(tomllib.load(file)["python"]["resolves"]) == set(LOCKS)


@pytest.mark.parametrize("name", LOCKS)
def test_lockfiles_name_no_host_and_hash_everything(name: str) -> None:
    artifacts = [artifact for entry in lock(name) for artifact in entry["artifacts"]]
    assert artifacts
    for artifact in artifacts:
        assert artifact["url"].startswith(FILES), artifact["url"]
        assert artifact["algorithm"] == "sha256"
        assert len(artifact["hash"]) == 64


def test_dev_is_prod_plus_tools_with_equal_pins() -> None:
    prod, dev = pins("prod"), pins("dev")
    assert prod.items() <= dev.items()
    assert dev.keys() - prod.keys()


def test_tests_run_with_the_locked_pytest() -> None:
    assert pins("dev")["pytest"] == pins("pytest")["pytest"]


@pytest.mark.parametrize("name", ["prod", "dev"])
def test_the_driver_is_never_the_index_wheel(name: str) -> None:
    assert "asyncmy" not in pins(name)


def test_plugins_are_tested_with_the_pants_that_runs_them() -> None:
    with open("pants.toml", "rb") as file:
        version = tomllib.load(file)["GLOBAL"]["pants_version"]
    locked = pins("plugins")
    assert locked["pantsbuild-pants"] == version
    # What the plugins import beside Pants is installed with it, by the launcher.
    text = Path("build-support/bootstrap/pants.requirements.txt").read_text()
    beside = {"docker", "requests", "urllib3"}
    installed = dict(line.split(" ")[0].split("==") for line in text.splitlines() if "==" in line)
    assert {name: locked[name] for name in beside} == {name: installed[name] for name in beside}
