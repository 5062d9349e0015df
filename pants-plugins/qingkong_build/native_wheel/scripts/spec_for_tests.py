"""What the tests of the back end share: a target's specification, and its errors."""

from __future__ import annotations

from typing import Any

import pytest
from native_wheel_errors import NativeWheelError


def spec(**fields: Any) -> dict[str, Any]:
    """What the plugin writes for a small target, with some fields of the caller's."""
    return {
        "target": "3rdparty/tiny:wheel",
        "project": "tiny",
        "version": "1.0",
        "profile": "small",
        "compile_args": ["-Os", "-flto"],
        "link_args": ["-s"],
        "define_macros": {},
        "env_vars": {},
        "patches": [],
        "build_resolve": "native-build",
        "manylinux": None,
        "local_version": None,
        "exclude": ["*.c"],
        "sdist": "tiny-1.0.tar.gz",
        "sdist_sha256": "0" * 64,
        "compiler": "gcc (Debian) 12",
        **fields,
    }


def refusal(error: pytest.ExceptionInfo[NativeWheelError]) -> str:
    """The message of a build that ended, which names its target."""
    message = str(error.value)
    assert message.startswith("native_wheel: target 3rdparty/tiny:wheel: ")
    return message
