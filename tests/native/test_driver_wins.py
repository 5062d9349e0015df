"""Wherever first-party code imports asyncmy, the wheel that is built here is what it gets.

The index has wheels of the same version with tags that installers like better. A lockfile that
has the project would let one of those win; the plugin refuses that
(pants-plugins/native_wheel/only_source.py).
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from native.driver_program import describe
from native.driver_wheel import Wheel, read_wheel

SITE_PACKAGES = "usr/local/lib/python3.12/site-packages/"


@pytest.fixture(scope="module")
def wheel() -> Wheel:
    return read_wheel()


def is_ours(found: dict[str, object], wheel: Wheel) -> None:
    """Compare what a process got with the wheel, to the byte."""
    assert found["distributions"] == 1
    assert found["record"] == wheel.record
    (library,) = (
        body for name, body in wheel.libraries.items() if name.endswith(f"/{found['library']}")
    )
    assert found["sha256"] == hashlib.sha256(library).hexdigest()
    assert found["keeps_small_numbers"]


def test_in_a_test_run(wheel: Wheel) -> None:
    is_ours(describe(), wheel)


def test_in_a_pex(wheel: Wheel, tmp_path: Path) -> None:
    (pex,) = Path().glob("tests.native/*.pex")
    env = {k: v for k, v in os.environ.items() if not k.startswith(("PEX", "PYTHON"))}
    done = subprocess.run(
        [sys.executable, "-I", pex],
        env={**env, "PEX_ROOT": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    is_ours(found, wheel)
    assert str(found["package"]).startswith(str(tmp_path)), "it is from somewhere else"


def layer(name: str) -> dict[str, bytes]:
    """The files of an image layer, as `deploy:oci` has it."""
    (path,) = Path("deploy").glob(f"{name}.tar*")
    with tarfile.open(path) as tar:
        return {
            member.name.lstrip("./"): tar.extractfile(member).read()  # type: ignore[union-attr]
            for member in tar
            if member.isfile()
        }


def test_in_the_image(wheel: Wheel) -> None:
    files = layer("driver")
    for name, content in wheel.files.items():
        if not name.endswith(".dist-info/RECORD"):
            assert files[SITE_PACKAGES + name] == content, name
    metadata = [x for x in files if re.search(r"/asyncmy-[^/]*\.dist-info/METADATA$", x)]
    assert len(metadata) == 1


def test_no_other_layer_has_one() -> None:
    names = set(re.findall(r'":(requirements-[a-z-]+)"', Path("deploy/BUILD").read_text()))
    assert names, "the image has no layers of requirements: the recipe was read wrongly"
    for name in names:
        files = layer(name)
        assert any(path.endswith("/METADATA") for path in files), f"{name} was read wrongly"
        assert [path for path in files if re.search(r"/asyncmy[^/]*/", path)] == []
