"""What a PEX has to be like, for its wheels to be what an image runs with."""

from __future__ import annotations

from collections.abc import Iterable

from packaging.utils import canonicalize_name
from pants.engine.addresses import Address
from pants.engine.target import Target

from qingkong_build.native_wheel.target_types import (
    NativeWheelPlatformField,
    NativeWheelProjectField,
)
from qingkong_build.oci.layers.local_wheels import LocalWheel, for_another_platform
from qingkong_build.oci.layers.pex_fields import PexField, PexOtherPlatformsField
from qingkong_build.oci.layout.field_error import invalid
from qingkong_build.python_lock.closure import Closure


def for_platform(image: Address, others: Iterable[Target], platform: str) -> list[Target]:
    """Those of `pex_other_platforms` that are for `platform`. Raises `InvalidFieldException` for
    what is for none."""
    found = []
    for target in others:
        field = target.get(NativeWheelPlatformField)
        if field.value is None:
            raise invalid(
                *(PexOtherPlatformsField.alias, image, target.address.spec),
                "it is no `native_wheel` with a `platform`",
                "name one, or remove it",
            )
        if field.value == platform:
            found.append(target)
    return found


def check_platforms(
    image: Address,
    pex: Address,
    wheels: Iterable[Target],
    others: Iterable[Target],
    platform: str,
) -> None:
    """Each wheel is for `platform`, or one of `others` takes its place. Raises
    `InvalidFieldException` otherwise."""
    replaced = {canonicalize_name(target[NativeWheelProjectField].value) for target in others}
    for target in wheels:
        if (
            for_another_platform(target, platform)
            and canonicalize_name(target[NativeWheelProjectField].value) not in replaced
        ):
            raise invalid(
                *(PexField.alias, image, pex.spec),
                f"{target.address} is for {target[NativeWheelPlatformField].value} alone, and the "
                f"image is for {platform}",
                f"add a `native_wheel` with that platform to {PexOtherPlatformsField.alias!r}",
            )


def check_not_locked(
    image: Address, pex: Address, wheels: Iterable[LocalWheel], closure: Closure
) -> None:
    """No wheel that is built here is in the lockfile too: the other one could be what runs. Raises
    `InvalidFieldException` otherwise."""
    for wheel in wheels:
        way = closure.ways.get(wheel.project)
        if way is not None:
            raise invalid(
                *(PexField.alias, image, pex.spec),
                f"{wheel.target} builds {wheel.project}, and {closure.lock.path} brings "
                f"{wheel.project} {closure.lock.versions[wheel.project]} too "
                f"({' -> '.join(way)}): one would hide the other",
                "remove the requirement that asks for it and run `pants generate-lockfiles`, or "
                "remove the dependency on the wheel",
            )


def check_one_of_each(image: Address, pex: Address, wheels: Iterable[LocalWheel]) -> None:
    """No two wheels, of which the image below may have one, are of one project. Raises
    `InvalidFieldException` otherwise."""
    builders: dict[str, Address] = {}
    for wheel in wheels:
        other = builders.setdefault(wheel.project, wheel.target)
        if other != wheel.target:
            raise invalid(
                *(PexField.alias, image, pex.spec),
                f"{wheel.target} builds {wheel.project}, and so does {other}: one would hide the "
                "other",
                "depend on one of the two, or remove the other from the base",
            )
