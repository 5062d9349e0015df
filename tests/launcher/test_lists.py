"""The hash-locked lists, and how they are made."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

HERE = Path("build-support/bootstrap")


@pytest.mark.parametrize("name", ["installer", "pants", "tools"])
def test_a_list_locks_what_its_source_asks_for_and_names_no_host(name: str) -> None:
    text = (HERE / f"{name}.requirements.txt").read_text()
    asked = re.findall(r"^[\w.-]+==\S+", (HERE / f"{name}.in").read_text(), re.M)
    locked = re.findall(r"^([\w.-]+==\S+) \\\n    --hash=sha256:[0-9a-f]{64}", text, re.M)
    assert {re.sub(r"[-_.]+", "-", pin.partition("==")[0]) for pin in asked} <= {
        pin.partition("==")[0] for pin in locked
    }
    assert {pin.partition("==")[2] for pin in asked} <= {pin.partition("==")[2] for pin in locked}
    assert len(locked) == len(re.findall(r"^[\w.-]+==", text, re.M))
    assert not re.search(r"//|https?:|\.org|\.io", text)


@pytest.fixture
def lock() -> ModuleType:
    spec = importlib.util.spec_from_file_location("lock", HERE / "lock.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_only_the_most_exact_wheels_are_locked(lock: ModuleType) -> None:
    files = {
        "pex-2.0-py2.py38.py39-none-any.whl": "exact",
        "pex-2.0-py3.py312-none-any.whl": "for 3.12",
        "pex-2.0.1-py39-none-any.whl": "another version",
        "pex-2.0.tar.gz": "source",
    }
    assert lock.hashes("pex", "2.0", files, False) == ["exact"]


def test_a_source_distribution_is_locked_only_where_a_platform_has_no_wheel(
    lock: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {
        "a_b-1-cp39-cp39-manylinux_2_17_x86_64.manylinux2014_x86_64.whl": "linux",
        "a_b-1-cp39-cp39-macosx_10_9_universal2.whl": "macos",
        "a_b-1-cp39-cp39-win_amd64.whl": "windows",
        "a_b-1-cp310-cp310-manylinux_2_17_x86_64.whl": "3.10",
        "A.B-1.tar.gz": "source",
    }
    assert lock.hashes("a-b", "1", files, False) == ["linux", "macos", "source"]
    assert lock.hashes("a-b", "1", files, True) == ["linux", "macos"]
    assert capsys.readouterr().err.count("a-b 1: no wheel for linux_arm64") == 2
