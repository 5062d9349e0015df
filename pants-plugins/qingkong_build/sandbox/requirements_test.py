from __future__ import annotations

import pytest
from pants.backend.python.subsystems.setup import PythonSetup
from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.backend.python.util_rules.pex_requirements import PexRequirements, Resolve
from pants.option.errors import OptionsError
from pants.testutil.option_util import create_subsystem

from qingkong_build.sandbox.requirements import ScriptRequirements


class Painting(ScriptRequirements):
    options_scope = "painting"
    help = "Paints."
    default_version = "colours>=1"
    projects = ("colours", "brush")
    resolve = "art"


def test_there_is_nothing_to_fall_back_on() -> None:
    painting = create_subsystem(Painting, install_from_resolve=None, requirements=[])
    with pytest.raises(OptionsError) as error:
        painting.pex_requirements()
    assert str(error.value) == (
        "[painting].install_from_resolve is not set, so there is no lockfile to install colours, "
        "brush from. Name the resolve that has what is needed, e.g. install_from_resolve = 'art' "
        "and requirements = ['colours', 'brush']."
    )


def test_the_interpreters_are_those_of_the_resolve() -> None:
    """As Pants installs for them, where a tool has no constraints of its own."""
    setup = create_subsystem(
        PythonSetup,
        enable_resolves=True,
        resolves={"art": "art.lock", "other": "other.lock"},
        interpreter_constraints=["CPython==3.12.*"],
        resolves_to_interpreter_constraints={"art": ["CPython==3.9.*"]},
    )
    for resolve, expected in (("art", "CPython==3.9.*"), ("other", "CPython==3.12.*")):
        painting = create_subsystem(Painting, install_from_resolve=resolve)
        assert painting.python(setup) == InterpreterConstraints([expected])


def test_the_resolve_that_is_named() -> None:
    painting = create_subsystem(
        Painting, install_from_resolve="art", requirements=["colours", "brush"]
    )
    found = painting.pex_requirements()
    assert isinstance(found, PexRequirements)
    assert set(found.req_strings_or_addrs) == {"colours", "brush"}
    assert found.from_superset == Resolve("art", use_entire_lockfile=False)
