"""Wherever first-party code imports asyncmy, the wheel that is built here is what it gets.

The index has wheels of the same version with tags that installers like better. A lockfile that
has the project would let one of those win; the plugin refuses that
(pants-plugins/qingkong_build/native_wheel/only_source.py).
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

from image.layout import own_layers

SITE_PACKAGES = "usr/local/lib/python3.12/site-packages/"
DRIVER = "deploy/runtime.wheel-asyncmy"


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


@pytest.fixture(scope="module")
def layers() -> dict[str, dict[str, bytes]]:
    """The files of each layer of `deploy:oci` above the base, by its name."""
    found = {}
    for name, path in own_layers(Path("deploy/oci")).items():
        with tarfile.open(path) as tar:
            found[name] = {
                member.name.lstrip("./"): tar.extractfile(member).read()  # type: ignore[union-attr]
                for member in tar
                if member.isfile()
            }
    return found


def test_in_the_image(wheel: Wheel, layers: dict[str, dict[str, bytes]]) -> None:
    files = layers[DRIVER]
    for name, content in wheel.files.items():
        if not name.endswith(".dist-info/RECORD"):
            assert files[SITE_PACKAGES + name] == content, name
    metadata = [x for x in files if re.search(r"/asyncmy-[^/]*\.dist-info/METADATA$", x)]
    assert len(metadata) == 1


def test_no_other_layer_has_one(layers: dict[str, dict[str, bytes]]) -> None:
    others = {name: files for name, files in layers.items() if name != DRIVER}
    packages = [x for x in others.values() if any(path.endswith("/METADATA") for path in x)]
    assert len(packages) > 3, "the layout was read wrongly"
    for name, files in others.items():
        assert [path for path in files if re.search(r"/asyncmy[^/]*/", path)] == [], name
