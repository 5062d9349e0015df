from __future__ import annotations

import json
from typing import Any

import pytest

from qingkong_build.python_lock.errors import LockfileError
from qingkong_build.python_lock.lock_graph import LockGraph, read_lock
from qingkong_build.python_lock.target_platform import TargetPlatform
from qingkong_build.python_lock.wheel_choice import choose_wheel, needed

AMD64 = TargetPlatform("linux/amd64", (3, 12), (2, 36))
ARM64 = TargetPlatform("linux/arm64", (3, 12), (2, 36))


def entry(name: str, *requires: str, files: tuple[str, ...] = ()) -> dict[str, Any]:
    artifacts = [
        {"algorithm": "sha256", "hash": "0" * 64, "url": f"https:${{FILES}}/{file}"}
        for file in files or (f"{name.replace('-', '_')}-1.0-py3-none-any.whl",)
    ]
    return {
        "artifacts": artifacts,
        "project_name": name,
        "requires_dists": list(requires),
        "version": "1.0",
    }


def locked(requirements: list[str], *entries: dict[str, Any]) -> LockGraph:
    lock = {"requirements": requirements, "locked_resolves": [{"locked_requirements": entries}]}
    return read_lock("prod.lock", json.dumps(lock))


def chosen(*files: str, platform: TargetPlatform = AMD64) -> str:
    resolve = locked(["tiny"], entry("tiny", files=files))
    return choose_wheel(resolve, "tiny", platform).filename


def test_needed() -> None:
    resolve = locked(
        ["App[fast]>=1", "tool; sys_platform == 'win32'"],
        entry(
            "app",
            "lib_x>=1",
            'slow; python_version < "3.12"',
            'speed[c]; extra == "fast" and platform_machine == "x86_64"',
            'docs; extra == "docs"',
        ),
        entry("lib-x", "app"),
        entry("slow"),
        entry("speed", 'wire; extra == "c"', 'never; extra == "fast"'),
        entry("wire"),
        entry("tool"),
        entry("docs"),
        entry("never"),
    )
    assert needed(resolve, AMD64) == {
        "app": ("app",),
        "lib-x": ("app", "lib-x"),
        "speed": ("app", "speed"),
        "wire": ("app", "speed", "wire"),
    }
    assert set(needed(resolve, ARM64)) == {"app", "lib-x"}


def test_a_lockfile_that_lacks_something() -> None:
    with pytest.raises(LockfileError) as error:
        needed(locked(["app"], entry("app", "lib")), AMD64)
    message = str(error.value)
    assert "prod.lock has no 'lib'" in message
    assert "(app -> lib)" in message
    assert "Generate the lockfile again" in message


def test_the_most_specific_wheel() -> None:
    assert (
        chosen(
            "tiny-1.0-py3-none-any.whl",
            "tiny-1.0-cp312-abi3-manylinux2014_x86_64.whl",
            "tiny-1.0-cp312-cp312-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
            "tiny-1.0-cp312-cp312-manylinux_2_39_x86_64.whl",
            "tiny-1.0-cp312-cp312-musllinux_1_2_x86_64.whl",
            "tiny-1.0-cp313-cp313-manylinux_2_28_x86_64.whl",
            "tiny-1.0.tar.gz",
        )
        == "tiny-1.0-cp312-cp312-manylinux2014_x86_64.manylinux_2_17_x86_64.whl"
    )


def test_the_wheel_of_the_platform() -> None:
    files = (
        "tiny-1.0-cp312-cp312-manylinux_2_28_x86_64.whl",
        "tiny-1.0-cp312-cp312-manylinux_2_28_aarch64.whl",
    )
    assert chosen(*files) == files[0]
    assert chosen(*files, platform=ARM64) == files[1]


def test_the_later_build() -> None:
    files = ("tiny-1.0-2-py3-none-any.whl", "tiny-1.0-10-py3-none-any.whl")
    assert chosen(*files) == chosen(*reversed(files)) == files[1]


def test_the_order_of_the_file_does_not_matter() -> None:
    files = (
        "tiny-1.0-cp312-cp312-manylinux_2_17_x86_64.whl",
        "tiny-1.0-cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
    )
    assert chosen(*files) == chosen(*reversed(files))


def test_no_wheel_for_the_platform() -> None:
    with pytest.raises(LockfileError) as error:
        chosen("tiny-1.0-cp312-cp312-manylinux_2_28_x86_64.whl", platform=ARM64)
    message = str(error.value)
    assert "prod.lock has no wheel of tiny 1.0 for linux/arm64 with CPython 3.12" in message
    assert "only tiny-1.0-cp312-cp312-manylinux_2_28_x86_64.whl" in message
    assert "'platform' and 'glibc' fields" in message


def test_many_wheels_of_which_none_fits() -> None:
    files = [f"tiny-1.0-cp3{n}-cp3{n}-win_amd64.whl" for n in range(10, 18)]
    with pytest.raises(LockfileError, match="and 2 more"):
        chosen(*files)


def test_only_a_source_distribution() -> None:
    with pytest.raises(LockfileError) as error:
        chosen("tiny-1.0.tar.gz")
    message = str(error.value)
    assert "only a source distribution of tiny 1.0 (tiny-1.0.tar.gz)" in message
    assert "Require a version that has wheels" in message


def test_spellings_of_an_extra() -> None:
    resolve = locked(
        ["app[Fast_One]"],
        entry("app", 'speed; extra == "fast_one"', "wire; 'fast.one' == extra"),
        entry("speed"),
        entry("wire"),
    )
    assert set(needed(resolve, AMD64)) == {"app", "speed", "wire"}


def test_a_marker_that_says_nothing() -> None:
    with pytest.raises(LockfileError) as error:
        needed(locked(["app; python_version <"], entry("app")), AMD64)
    message = str(error.value)
    assert "prod.lock has a requirement whose marker says nothing" in message
    assert "python_version <" in message
