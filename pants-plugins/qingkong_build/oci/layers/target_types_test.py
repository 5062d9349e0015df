from __future__ import annotations

import pytest
from pants.engine.addresses import Address
from pants.engine.target import (
    InvalidFieldChoiceException,
    InvalidFieldException,
    RequiredFieldMissingException,
)

from qingkong_build.oci.layers.target_types import (
    LayerBytecodeField,
    LayerGlibcField,
    LayerPathField,
    LayerPlatformField,
    RequirementsLayerLeaveOutField,
)

ADDRESS = Address("deploy", target_name="layer")


@pytest.mark.parametrize("path", ["/", "/app", "/usr/local/lib/python3.12/site-packages"])
def test_path(path: str) -> None:
    assert LayerPathField(path, ADDRESS).value == path


@pytest.mark.parametrize("path", ["app", "./app", "/app/../etc", ""])
def test_path_that_leaves_the_image(path: str) -> None:
    with pytest.raises(InvalidFieldException) as error:
        LayerPathField(path, ADDRESS)
    message = str(error.value)
    assert "'path' field in target deploy:layer must be an absolute path" in message
    assert f"but was {path!r}" in message
    assert "'/app'" in message


def test_no_bytecode_unless_it_is_chosen() -> None:
    assert LayerBytecodeField(None, ADDRESS).value == "none"
    with pytest.raises(InvalidFieldChoiceException) as error:
        LayerBytecodeField("timestamp", ADDRESS)
    assert "'bytecode' field in target deploy:layer" in str(error.value)
    assert "'unchecked-hash'" in str(error.value)


def test_path_is_required() -> None:
    with pytest.raises(RequiredFieldMissingException):
        LayerPathField(None, ADDRESS)


def test_glibc() -> None:
    assert LayerGlibcField(None, ADDRESS).version == (2, 36)
    assert LayerGlibcField("2.31", ADDRESS).version == (2, 31)


@pytest.mark.parametrize("value", ["", "2", "2.x", "musl", "2.36.1", "1.36"])
def test_bad_glibc(value: str) -> None:
    with pytest.raises(InvalidFieldException) as error:
        LayerGlibcField(value, ADDRESS)
    message = str(error.value)
    assert "'glibc' field in target deploy:layer must be a version of glibc" in message
    assert f"but was {value!r}" in message
    assert "'2.36'" in message


def test_unknown_platform() -> None:
    with pytest.raises(InvalidFieldChoiceException) as error:
        LayerPlatformField("linux/s390x", ADDRESS)
    assert "'linux/s390x'" in str(error.value)
    assert "linux/arm64" in str(error.value)


def test_unknown_rule() -> None:
    with pytest.raises(InvalidFieldChoiceException) as error:
        RequirementsLayerLeaveOutField(["docs"], ADDRESS)
    assert "'docs'" in str(error.value)
    assert "type-stubs" in str(error.value)
