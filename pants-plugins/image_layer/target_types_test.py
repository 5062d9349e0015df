from __future__ import annotations

import pytest
from pants.engine.addresses import Address
from pants.engine.target import InvalidFieldException, RequiredFieldMissingException

from image_layer.target_types import LayerPathField

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


def test_path_is_required() -> None:
    with pytest.raises(RequiredFieldMissingException):
        LayerPathField(None, ADDRESS)
