"""What is refused of the wheels of a PEX that are built here."""

from __future__ import annotations

import pytest
from pants.engine.addresses import Address
from pants.engine.fs import EMPTY_DIGEST
from pants.engine.target import InvalidFieldException

from qingkong_build.oci.layers.local_wheels import LocalWheel
from qingkong_build.oci.layers.pex_checks import check_one_of_each
from qingkong_build.python_lock.locked_wheel import Wheel

IMAGE, PEX = Address("app", target_name="oci"), Address("src", target_name="run")


def built(project: str, target: str) -> LocalWheel:
    wheel = Wheel(EMPTY_DIGEST, f"{project}-1-py3-none-any.whl")
    return LocalWheel(project, Address("wheels", target_name=target), wheel, None)


def test_wheels_of_two_projects_and_one_that_the_base_has_too() -> None:
    check_one_of_each(IMAGE, PEX, [built("one", "a"), built("other", "b"), built("one", "a")])


def test_two_wheels_of_one_project() -> None:
    with pytest.raises(InvalidFieldException) as error:
        check_one_of_each(IMAGE, PEX, [built("one", "fast"), built("one", "plain")])
    for part in ("'pex'", "app:oci", "'src:run'", "wheels:fast", "wheels:plain", "one", "Fix: "):
        assert part in str(error.value)
