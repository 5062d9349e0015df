"""A bill of what is locked, refused where the image holds anything else."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from attest_error import AttestError
from bill_of_materials import bill, match
from image_contents import debian_packages, distributions, python_version
from image_view import ImageView
from locked_closure import Locked, built_wheel, closure, marker_environment
from shop_image import SITE, WHEEL, base, distribution, image, ours, write_lock

CREATED = datetime(2024, 2, 3, tzinfo=UTC)


def locked(place: Path) -> dict[str, Locked]:
    found = closure(write_lock(place / "prod.lock"), marker_environment("3.12.1", "amd64"))
    return {**found, "fast": built_wheel(Path(WHEEL), "a" * 64)}


def changed(place: Path, change: dict[str, Any], **more: Any) -> ImageView:
    tree = {key: value for key, value in {**ours(), **change}.items() if value is not None}
    return image(place / "image", ours=tree, base=base(), **more)


def document(place: Path) -> Any:
    found = changed(place, {})
    return json.loads(bill(found, match(found, locked(place)), CREATED))


def test_components(tmp_path: Path) -> None:
    made = document(tmp_path)
    assert {component["bom-ref"] for component in made["components"]} == {
        "pkg:generic/python@3.12.1",
        "pkg:pypi/shop@1.4.0",
        "pkg:pypi/money@1.1",
        "pkg:pypi/fast@2.0",
        "pkg:pypi/pip@23.2",
        "pkg:deb/debian/adduser@3.134?arch=all&distro=debian-12",
        "pkg:deb/debian/libc6@2.36-9%2Bdeb12u10?arch=amd64&distro=debian-12",
    }
    assert made["metadata"]["timestamp"] == "2024-02-03T00:00:00+00:00"
    assert made["metadata"]["component"]["name"] == "Shop"
    assert made["metadata"]["component"]["version"] == "1.4.0"


def test_a_component(tmp_path: Path) -> None:
    by_name = {component["name"]: component for component in document(tmp_path)["components"]}
    wheel = "money-1.1-cp312-cp312-manylinux_2_17_x86_64.whl"
    assert by_name["money"]["hashes"] == [
        {"alg": "SHA-256", "content": hashlib.sha256(wheel.encode()).hexdigest()}
    ]
    assert by_name["money"]["licenses"] == [{"license": {"id": "MIT"}}]
    assert by_name["shop"]["licenses"] == [{"expression": "MIT OR Apache-2.0"}]
    assert by_name["fast"]["hashes"][0]["content"] == "a" * 64
    assert "hashes" not in by_name["pip"], "of the base, so in no lock"


def test_dependencies(tmp_path: Path) -> None:
    made = document(tmp_path)
    edges = {entry["ref"]: entry.get("dependsOn", []) for entry in made["dependencies"]}
    root = made["metadata"]["component"]["bom-ref"]
    assert edges["pkg:pypi/shop@1.4.0"] == ["pkg:pypi/money@1.1"]
    assert "pkg:pypi/shop@1.4.0" in edges[root]
    assert "pkg:pypi/money@1.1" not in edges[root]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (distribution("extra", "1"), "extra 1 is in the image, but not locked"),
        (dict.fromkeys(distribution("money", "1.1")), "money 1.1 is locked, but not in the image"),
        (
            {**dict.fromkeys(distribution("money", "1.1")), **distribution("money", "1.0")},
            "money is 1.0 in the image, but locked at 1.1 (",
        ),
        (
            {f"{SITE}/money.py": "changed"},
            f"/{SITE}/money.py is not what RECORD of money says",
        ),
        (
            distribution("money", "1.1", "cp312-cp312-musllinux_1_2_x86_64"),
            "money is from a wheel for cp312-cp312-musllinux_1_2_x86_64, and no file locked",
        ),
        (
            distribution("fast", "2.0", "cp312-cp312-manylinux_2_17_x86_64"),
            f"and no file locked ({WHEEL}) is that",
        ),
        (distribution("Pip", "24"), "pip is in the image twice"),
    ],
)
def test_another_image(tmp_path: Path, change: dict[str, Any], error: str) -> None:
    found = changed(tmp_path, change)
    with pytest.raises(AttestError) as raised:
        match(found, locked(tmp_path))
    assert error in str(raised.value)
    assert found.manifest.digest in str(raised.value)


def test_every_difference_is_named(tmp_path: Path) -> None:
    change = {**dict.fromkeys(distribution("money", "1.1")), **distribution("extra", "1")}
    with pytest.raises(AttestError, match="extra 1 is in .* locked; money 1.1 is locked, but not"):
        match(changed(tmp_path, change), locked(tmp_path))


def test_licenses(tmp_path: Path) -> None:
    classifiers = (
        "License: a long text\n  of two lines\n"
        "Classifier: License :: OSI Approved :: BSD License\nClassifier: Topic :: Internet"
    )
    found = changed(tmp_path, distribution("money", "1.1", metadata=classifiers))
    licenses = {one.name: one.license for one in distributions(found)}
    assert licenses == {
        "fast": "MIT",
        "money": "BSD License",
        "pip": "MIT",
        "shop": "MIT OR Apache-2.0",
    }


def test_the_base_s_own_lists_differ(tmp_path: Path) -> None:
    found = changed(tmp_path, {"var/lib/dpkg/info/.wh.adduser.list": ""})
    with pytest.raises(AttestError, match=r"installed without a list \['adduser'\]"):
        debian_packages(found)


def test_an_interpreter_of_no_version(tmp_path: Path) -> None:
    found = changed(tmp_path, {}, settings={"Env": ["PYTHON_VERSION=newest"]})
    with pytest.raises(AttestError, match="PYTHON_VERSION = 'newest'"):
        python_version(found)


def test_no_metadata(tmp_path: Path) -> None:
    found = changed(tmp_path, {f"{SITE}/x-1.dist-info/METADATA": "Name: x\n"})
    with pytest.raises(AttestError, match=r"x-1.dist-info/METADATA names no distribution or no"):
        distributions(found)


MADE_AGAIN = """
import pathlib, sys
from bill_of_materials import bill, match
from bill_of_materials_test import CREATED, changed, locked
found = changed(pathlib.Path(sys.argv[1]), {})
sys.stdout.buffer.write(bill(found, match(found, locked(pathlib.Path())), CREATED))
"""


def test_the_same_bytes_again(tmp_path: Path) -> None:
    """In other processes, whose sets have other orders, in another time zone."""
    made = set()
    for seed, zone in (("1", "UTC"), ("2", "Asia/Shanghai")):
        place = tmp_path / seed
        place.mkdir()
        path = os.pathsep.join(str(Path(entry).resolve()) for entry in sys.path)
        done = subprocess.run(
            [sys.executable, "-c", MADE_AGAIN, str(place)],
            env={**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": seed, "TZ": zone},
            cwd=place,
            capture_output=True,
            check=True,
        )
        made.add(done.stdout)
    assert len(made) == 1
