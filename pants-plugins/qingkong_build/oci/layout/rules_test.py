"""Which lockfiles a target is about."""

from __future__ import annotations

import pytest
from pants.backend.python.subsystems.setup import PythonSetup
from pants.engine.addresses import Address
from pants.engine.target import InvalidFieldException, StringSequenceField
from pants.testutil.option_util import create_subsystem

from qingkong_build.oci.layout.rules import lockfile_paths

POLICY = Address("deploy", target_name="policy")


class ResolvesField(StringSequenceField):
    alias = "development_resolves"


def paths(named: list[str] | None, option: list[str]) -> list[str]:
    setup = create_subsystem(
        PythonSetup, enable_resolves=True, resolves={"prod": "prod.lock", "dev": "dev.lock"}
    )
    field = ResolvesField(named, POLICY)
    return lockfile_paths(POLICY, field, option, "development_resolves", setup)


def test_the_field_comes_before_the_option() -> None:
    assert paths(None, ["dev"]) == ["dev.lock"]
    assert paths(["prod"], ["dev"]) == ["prod.lock"]
    assert paths([], ["dev"]) == []


@pytest.mark.parametrize(
    ("named", "subject"),
    [
        (["prod", "tools"], "The 'development_resolves' field in target deploy:policy is "),
        (None, "[production-closure].development_resolves="),
    ],
)
def test_an_unknown_resolve(named: list[str] | None, subject: str) -> None:
    """What is said to be wrong is what named it."""
    with pytest.raises(InvalidFieldException) as error:
        paths(named, ["prod", "tools"])
    message = str(error.value)
    assert message.startswith(f"{subject}['prod', 'tools']: 'tools': ")
    for part in ("[python.resolves] has only: dev, prod", "Fix: name some of these"):
        assert part in message
