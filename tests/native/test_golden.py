"""The driver's wheel has the bytes that were recorded, or there is a reason why not.

A new record, after a change that is meant to change the bytes:

    ./pants test tests/native/test_golden.py    # prints it
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
from native.driver_wheel import made_with, read_wheel

GOLDEN = Path(__file__).with_name("golden.json")


def differences(recorded: dict[str, str], here: dict[str, str]) -> list[str]:
    """Each thing with which the two wheels were made that is not the same."""
    return [
        f"{name}: {recorded.get(name, 'none')!r} recorded, {here.get(name, 'none')!r} here"
        for name in sorted({*recorded, *here})
        if recorded.get(name) != here.get(name)
    ]


def verdict(
    golden: list[dict[str, Any]], sha256: str, here: dict[str, str]
) -> tuple[bool | None, str]:
    """True for recorded bytes, False for others, None where others are to be expected."""
    if any(sha256 == entry["sha256"] for entry in golden):
        return True, ""
    closest = min(golden, key=lambda entry: len(differences(entry["made_with"], here)))
    found = differences(closest["made_with"], here)
    record = json.dumps({"sha256": sha256, "made_with": here}, indent=2, ensure_ascii=False)
    if found:
        return None, (
            "other bytes than those in golden.json, as is to be expected with other tools: "
            f"{'; '.join(found)}. To check them from now on, add\n{record}"
        )
    return False, (
        f"the wheel has sha256 {sha256}, golden.json has {closest['sha256']}, made with the same "
        "tools. If 3rdparty/asyncmy/BUILD or the plugin was changed so that its bytes change, put "
        f"this into golden.json:\n{record}"
    )


def test_the_recorded_bytes() -> None:
    wheel = read_wheel()
    same, message = verdict(
        json.loads(GOLDEN.read_text()),
        hashlib.sha256(wheel.content).hexdigest(),
        made_with(wheel.record),
    )
    if same is None:
        # Other tools of somebody's machine are no fault, and what the wheel was made from is
        # checked all the same, below. CI has to have a record of its own.
        assert not os.environ.get("CI"), message
        pytest.skip(message)
    assert same, message


def test_where_the_wheel_comes_from() -> None:
    """Whichever compiler: the recorded source, flags and build requirements."""
    wheel = read_wheel()
    record = wheel.record
    assert record["sdist_sha256"] == (
        "a5b28e1583814e6141ea59454baff43d1ca60df7c3be7a4c1c9bd77788d34689"
    )
    assert record["profile"] == "documented"
    assert [patch["name"] for patch in record["patches"]] == [
        "patches/decode-rows-in-place.patch",
        "patches/encode-parameters-in-place.patch",
        "patches/fast-code-for-queries.patch",
    ]
    assert record["compile_args"] == ["-Os", "-flto", "-ffast-math"]
    assert record["link_args"] == ["-flto", "-s"]
    golden = json.loads(GOLDEN.read_text())[0]["made_with"]
    for name, version in record["build_requirements"].items():
        assert golden[f"build requirement {name}"] == version
    assert wheel.name.startswith("asyncmy-0.2.18+qingkong.1-cp312-cp312-manylinux_2_")
    # The limits of docs/native-wheels.md.
    assert sum(map(len, wheel.libraries.values())) <= 2_200_000
    assert len(wheel.content) <= 1_000_000


MADE_WITH = {"compiler": "gcc 12.2.0", "linker": "ld 2.40"}
RECORDED = [
    {"sha256": "c" * 64, "made_with": {"compiler": "clang 14", "linker": "lld 14"}},
    {"sha256": "a" * 64, "made_with": MADE_WITH},
]


def test_another_compiler_is_named() -> None:
    here = {**MADE_WITH, "compiler": "gcc 13.1.0"}
    assert verdict(RECORDED, "a" * 64, here) == (True, "")
    same, message = verdict(RECORDED, "b" * 64, here)
    assert same is None
    assert "with other tools: compiler: 'gcc 12.2.0' recorded, 'gcc 13.1.0' here. To" in message
    assert '"compiler": "gcc 13.1.0"' in message


def test_other_bytes_of_the_same_tools_are_a_failure() -> None:
    same, message = verdict(RECORDED, "b" * 64, MADE_WITH)
    assert same is False
    assert f"has sha256 {'b' * 64}, golden.json has {'a' * 64}" in message
    assert '"compiler": "gcc 12.2.0"' in message
