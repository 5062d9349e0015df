from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from qingkong_build.lock_review.changes import Change, compare, is_allowed, pin_groups
from qingkong_build.lock_review.sync import body, pip_version
from qingkong_build.python_lock.lock_graph import LockGraph, read_lock


def lock(versions: Mapping[str, str], path: str = "prod.lock", content: str = "a") -> LockGraph:
    """A lockfile of these, whose files all have the same sha256."""
    locked = [
        {
            "project_name": name,
            "version": version,
            "requires_dists": [],
            "artifacts": [
                {
                    "algorithm": "sha256",
                    "hash": content * 64,
                    "url": f"https://index.example/{name}-{version}-py3-none-any.whl",
                }
            ],
        }
        for name, version in versions.items()
    ]
    document = {
        "requirements": sorted(versions),
        "locked_resolves": [{"locked_requirements": locked}],
    }
    return read_lock(path, json.dumps(document))


OLD = lock({"gone": "1.0", "kept": "1.0", "lower": "2.0", "odd": "x", "upper": "1.9"})
NEW = lock({"kept": "1.0", "lower": "1.10", "new": "3", "odd": "y", "upper": "1.10"})


def test_what_changed() -> None:
    found = compare("prod", OLD, NEW)
    assert [(one.name, one.kind) for one in found.changes] == [
        ("gone", "removed"),
        ("lower", "downgraded"),
        ("new", "added"),
        ("odd", "changed"),
        # Not as text, of which 1.9 is the greater.
        ("upper", "upgraded"),
    ]
    assert found.changes[0] == Change("gone", "1.0", None)
    assert (found.resolve, found.path, found.replaced) == ("prod", "prod.lock", ())


def test_a_file_with_other_content_under_the_same_name() -> None:
    found = compare("prod", lock({"web": "1.0"}), lock({"web": "1.0"}, content="b"))
    assert found.changes == ()
    assert found.replaced == ("web-1.0-py3-none-any.whl",)
    # Another version has other files, of course.
    assert compare("prod", lock({"web": "1.0"}), lock({"web": "1.1"}, content="b")).replaced == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("MIT", True),
        ("mit", True),
        ("Apache-2.0 AND MIT", True),
        ("MIT License, MIT", True),
        ("GPL-3.0-only OR MIT", True),
        ("GPL-3.0-only AND MIT", False),
        ("MIT AND (GPL-3.0-only OR MIT)", False),
        ("MIT OR GPL-3.0-only AND MIT", False),
        ("GPL-3.0-only", False),
        ("unknown", False),
        ("", False),
    ],
)
def test_allowed_licenses(text: str, expected: bool) -> None:
    assert is_allowed(text, ["MIT", "Apache-2.0", "MIT License"]) is expected


def test_nothing_is_allowed_without_a_list() -> None:
    assert not is_allowed("MIT", [])


def test_pins_have_each_name_once_in_a_group() -> None:
    groups = pin_groups([lock({"a": "1", "b": "1"}), lock({"a": "2", "b": "1", "c": "3"})])
    assert groups == (("a==1", "b==1", "c==3"), ("a==2",))
    assert pin_groups([]) == ()


def test_what_pex_is_given_of_a_lockfile() -> None:
    text = b'// header\n//\n\n{\n  "pip_version": "23.2"\n}\n'
    assert body(text) == b'{\n  "pip_version": "23.2"\n}\n'
    assert pip_version(body(text)) == "23.2"
