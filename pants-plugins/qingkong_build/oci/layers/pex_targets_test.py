"""What two PEXes that share an environment have to agree on."""

from __future__ import annotations

import pytest
from pants.backend.python.subsystems.setup import PythonSetup
from pants.backend.python.target_types import PexBinary
from pants.engine.addresses import Address
from pants.engine.target import InvalidFieldException, Targets
from pants.testutil.option_util import create_subsystem

from qingkong_build.oci.image.target_types import OciImageTarget
from qingkong_build.oci.layers.pex_targets import PexTargets, check_fits

SETUP = create_subsystem(PythonSetup, interpreter_constraints=["CPython==3.12.*"])


def targets(
    name: str, resolve: str = "prod", python: str = "3.12", below: PexTargets | None = None
) -> PexTargets:
    fields = {
        "entry_point": "app.main",
        "interpreter_constraints": [f"CPython=={python}.*"],
        "resolve": resolve,
    }
    nothing = Targets(())
    return PexTargets(
        OciImageTarget({"base": "base:1", "pex": "//src:run"}, Address("app", target_name=name)),
        PexBinary(fields, Address("src", target_name=name)),
        resolve,
        (),
        nothing,
        nothing,
        nothing,
        below,
    )


def test_equal_ones_fit() -> None:
    check_fits(targets("oci"), SETUP)
    check_fits(targets("oci", below=targets("base")), SETUP)


@pytest.mark.parametrize(
    ("above", "parts"),
    [
        (
            targets("oci", resolve="other", below=targets("base")),
            ("resolve is 'other'", "'prod'"),
        ),
        (
            targets("oci", python="3.11", below=targets("base")),
            ("interpreter_constraints is 'CPython==3.11.*'", "'CPython==3.12.*'"),
        ),
    ],
    ids=["resolve", "python"],
)
def test_others_are_refused(above: PexTargets, parts: tuple[str, ...]) -> None:
    with pytest.raises(InvalidFieldException) as error:
        check_fits(above, SETUP)
    for part in ("'pex'", "app:oci", "'//src:run'", "app:base", "src:base", "Fix: ", *parts):
        assert part in str(error.value)
