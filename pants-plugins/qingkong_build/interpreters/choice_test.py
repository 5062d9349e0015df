"""Which interpreter fits, and what is said where none does."""

from __future__ import annotations

import pytest
from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints

from qingkong_build.interpreters.choice import Interpreter, InterpreterNotFoundError, choose


def known_as(*versions: str, implementation: str = "CPython") -> list[Interpreter]:
    return [Interpreter(f"/opt/{x}/bin/python", implementation, x, "f" * 64) for x in versions]


@pytest.mark.parametrize(
    ("constraints", "version"),
    [
        (["CPython==3.12.*"], "3.12.4"),
        (["CPython>=3.9"], "3.9.18"),
        ([">=3.10"], "3.12.4"),
        (["CPython==3.13.*", "CPython==3.12.1"], "3.12.1"),
        (["CPython==3.14.*"], "3.14.0"),
        (["CPython>=3.14"], "3.14.0"),
        ([], "3.9.18"),
    ],
)
def test_the_newest_patch_of_the_oldest_version(constraints: list[str], version: str) -> None:
    known = known_as("3.12.1", "3.14.0", "3.12.4", "3.9.18")
    assert choose(known, InterpreterConstraints(constraints), ()).version == version


def test_numbers_are_compared_as_numbers() -> None:
    known = known_as("3.10.2", "3.10.10", "3.9.18")
    assert choose(known, InterpreterConstraints([">=3.10"]), ()).version == "3.10.10"


def test_the_first_of_equals() -> None:
    first, second = (Interpreter(x, "CPython", "3.12.1", "f" * 64) for x in ("/b", "/a"))
    assert choose([first, second], InterpreterConstraints(["==3.12.*"]), ()) is first


def test_another_implementation() -> None:
    known = [*known_as("3.12.4", implementation="PyPy"), *known_as("3.12.1")]
    assert choose(known, InterpreterConstraints(["CPython==3.12.*"]), ()).version == "3.12.1"
    assert choose(known, InterpreterConstraints(["PyPy==3.12.*"]), ()).version == "3.12.4"


@pytest.mark.parametrize("versions", [("3.9.18", "3.12.1"), ()])
def test_none_fits(versions: tuple[str, ...]) -> None:
    with pytest.raises(InterpreterNotFoundError) as error:
        choose(known_as(*versions), InterpreterConstraints(["CPython==3.13.*"]), ("/usr/bin",))
    listed = [f"CPython {x} (/opt/{x}/bin/python)" for x in versions] or ["none"]
    for part in ("CPython==3.13.*", "[python-bootstrap].search_path=['/usr/bin']", *listed, "Fix:"):
        assert part in str(error.value)
