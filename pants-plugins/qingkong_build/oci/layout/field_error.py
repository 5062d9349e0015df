"""What is wrong with the value of a field, in one form for all targets of images."""

from __future__ import annotations

from pants.engine.addresses import Address
from pants.engine.target import InvalidFieldException


def invalid(
    field: str, address: Address, value: object, why: str, fix: str
) -> InvalidFieldException:
    """What is wrong with the value of a field: where, the value, why, and the fix."""
    return InvalidFieldException(
        f"The {field!r} field in target {address} is {value!r}: {why}. Fix: {fix}."
    )
