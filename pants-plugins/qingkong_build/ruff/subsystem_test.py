from __future__ import annotations

import pytest
from pants.backend.python.util_rules.pex_requirements import PexRequirements, Resolve
from pants.option.errors import OptionsError
from pants.testutil.option_util import create_subsystem

from qingkong_build.ruff.subsystem import Ruff


def subsystem(**options: object) -> Ruff:
    values: dict[str, object] = {
        "install_from_resolve": "dev",
        "requirements": ["ruff"],
        "config": None,
        "config_discovery": True,
        **options,
    }
    return create_subsystem(Ruff, **values)  # type: ignore[arg-type] # it takes what an option takes


def test_configuration_beside_and_above_the_files() -> None:
    request = subsystem().config_request(["src/app", "src/app/deep", "tests"])
    assert request.discovery
    assert request.check_existence == (
        ".ruff.toml",
        "ruff.toml",
        "src/.ruff.toml",
        "src/app/.ruff.toml",
        "src/app/deep/.ruff.toml",
        "src/app/deep/ruff.toml",
        "src/app/ruff.toml",
        "src/ruff.toml",
        "tests/.ruff.toml",
        "tests/ruff.toml",
    )
    assert set(request.check_content) == {
        "pyproject.toml",
        "src/app/deep/pyproject.toml",
        "src/app/pyproject.toml",
        "src/pyproject.toml",
        "tests/pyproject.toml",
    }


def test_one_configuration_for_all_files() -> None:
    request = subsystem(config="build/ruff.toml").config_request(["src"])
    assert request.specified == ("build/ruff.toml",)
    assert request.specified_option_name == "[ruff].config"


def test_installed_from_a_resolve() -> None:
    assert subsystem().pex_requirements() == PexRequirements(
        ["ruff"],
        from_superset=Resolve("dev", use_entire_lockfile=False),
        description_of_origin="the requirements of the `ruff` tool",
    )


def test_no_resolve() -> None:
    with pytest.raises(OptionsError) as error:
        subsystem(install_from_resolve=None).pex_requirements()
    message = str(error.value)
    assert "[ruff].install_from_resolve is not set" in message
    assert "install_from_resolve = 'dev'" in message
