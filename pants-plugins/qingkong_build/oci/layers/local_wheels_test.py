from __future__ import annotations

import pytest
from pants.engine.addresses import Address
from pants.engine.fs import EMPTY_DIGEST
from pants.engine.target import InvalidFieldException, Target

from qingkong_build.native_wheel.target_types import NativeWheelTarget
from qingkong_build.oci.layers.local_wheels import (
    BuiltWheel,
    WheelFields,
    candidates,
    check_distributions,
    choose,
    for_another_platform,
)
from qingkong_build.oci.layers.target_types import FilesystemLayerTarget
from qingkong_build.python_lock.locked_wheel import Wheel
from qingkong_build.python_lock.target_platform import TargetPlatform

LAYER = Address("deploy", target_name="driver")
FIELDS = WheelFields(LAYER)
ARM = TargetPlatform("linux/arm64", (3, 12), (2, 36))
INTEL = TargetPlatform("linux/amd64", (3, 12), (2, 36))


def built(filename: str, name: str = "wheel") -> BuiltWheel:
    return BuiltWheel(Wheel(EMPTY_DIGEST, filename), Address("native", target_name=name))


def native(name: str, **fields: str) -> Target:
    values = {"project": "tiny", "version": "1.0", "sha256": "0" * 64, **fields}
    return NativeWheelTarget(values, Address("native", target_name=name))


X86 = built("tiny_ext-1.0-cp312-cp312-manylinux_2_17_x86_64.whl", "wheel")
AARCH64 = built("tiny_ext-1.0-cp312-cp312-manylinux_2_17_aarch64.whl", "wheel-arm64")
PURE = built("pure-2.0-py3-none-any.whl", "pure")


def test_each_image_has_the_wheel_for_its_platform() -> None:
    assert choose(FIELDS, [X86, AARCH64, PURE], INTEL) == [X86, PURE]
    assert choose(FIELDS, [X86, AARCH64, PURE], ARM) == [AARCH64, PURE]


def test_what_is_said_to_be_for_another_platform_is_not_built() -> None:
    arm = native("wheel-arm64", platform="linux/arm64")
    assert for_another_platform(arm, "linux/amd64")
    assert not for_another_platform(arm, "linux/arm64")
    # Without the field it is for the machine that builds, and its tag says which that was.
    assert not for_another_platform(native("wheel"), "linux/arm64")
    assert not for_another_platform(FilesystemLayerTarget({}, LAYER), "linux/arm64")


def test_one_for_another_platform_takes_the_place_of_its_project() -> None:
    here, other = native("wheel"), native("other", project="other")
    arm = native("wheel-arm64", project="Tiny", platform="linux/arm64")
    layer = FilesystemLayerTarget({}, LAYER)
    assert candidates([here, other, layer], [arm], "linux/arm64") == [other, arm]
    assert candidates([here, other, layer], [arm], "linux/amd64") == [here, other]


def refusal(wheels: list[BuiltWheel], platform: TargetPlatform) -> str:
    with pytest.raises(InvalidFieldException) as error:
        choose(FIELDS, wheels, platform)
    message = str(error.value)
    assert message.startswith("packing deploy:driver: dependencies")
    assert "Fix: " in message
    return message


def test_two_wheels_of_one_project() -> None:
    other = built("Tiny.Ext-2.0-cp312-cp312-linux_x86_64.whl", "other")
    message = refusal([X86, other], INTEL)
    for part in ("['native:wheel', 'native:other']", "tiny-ext for linux/amd64", "leave one"):
        assert part in message


def test_a_wheel_for_another_platform() -> None:
    message = refusal([X86], ARM)
    for part in ("=native:wheel: ", X86.wheel.filename, str(ARM), "'other_platforms'"):
        assert part in message


def test_a_wheel_for_a_later_libc() -> None:
    late = built("tiny-1.0-cp312-cp312-manylinux_2_39_x86_64.whl")
    assert "glibc 2.36" in refusal([late], INTEL)


def test_no_wheel() -> None:
    message = refusal([], INTEL)
    for part in ("makes a wheel for linux/amd64", "add a `native_wheel`"):
        assert part in message


def test_what_makes_no_wheel_is_an_error() -> None:
    check_distributions(LAYER, "dependencies", [native("wheel")])
    other = FilesystemLayerTarget({}, Address("deploy", target_name="files"))
    with pytest.raises(InvalidFieldException) as error:
        check_distributions(LAYER, "dependencies", [native("wheel"), other])
    message = str(error.value)
    for part in ("deploy:driver", "dependencies=deploy:files", "filesystem_layer", "Fix: "):
        assert part in message
