from __future__ import annotations

import io
import json
import tarfile
from email import message_from_string
from pathlib import Path
from typing import Literal

import pytest
from read_distributions import license_of, main

PLACE = "usr/lib/python/site-packages"
FILES = {
    f"{PLACE}/web/__init__.py": b"x" * 1000,
    f"{PLACE}/web-1.0.dist-info/METADATA": b"Name: Web\nVersion: 1.0\nLicense: MIT\n",
    f"{PLACE}/web-1.0.dist-info/RECORD": (
        b"web/__init__.py,sha256=x,1000\nweb-1.0.dist-info/METADATA,,\n"
        b"web-1.0.dist-info/RECORD,,\nweb/left_out.py,,\n../../bin/web,,\n"
    ),
    f"{PLACE}/of_no_distribution.py": b"",
    # A package of the system's: nothing says which files it has.
    "usr/lib/python3/dist-packages/old-1.0.dist-info/METADATA": b"Name: old\nVersion: 1.0\n",
}


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_what_a_layer_has(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], mode: Literal["w", "w:gz"]
) -> None:
    layer = tmp_path / "layer"
    with tarfile.open(layer, mode) as tar:
        for name, content in FILES.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    assert main([str(layer)]) == 0
    ours = [content for name, content in FILES.items() if "web" in name]
    assert json.loads(capsys.readouterr().out) == [
        {
            "name": "Web",
            "version": "1.0",
            "license": "MIT",
            "files": 3,
            "bytes": sum(map(len, ours)),
        }
    ]


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ("License-Expression: MIT OR Apache-2.0\nLicense: other\n", "MIT OR Apache-2.0"),
        (
            "Classifier: License :: OSI Approved :: BSD License\nLicense: a long text\n",
            "BSD License",
        ),
        ("License: Apache 2\n  and all of its text\n", "Apache 2"),
        ("Name: web\n", "unknown"),
        ("License:\n", "unknown"),
    ],
)
def test_license(metadata: str, expected: str) -> None:
    assert license_of(message_from_string(metadata)) == expected
