"""The layers: which there are, what is in each, and that nothing of the build's machine is."""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Iterator
from typing import Any

import pytest
from docker.models.images import Image

from image.build_files import (
    DRIVER,
    SOURCES,
    SYSTEM,
    layer_names,
    read_build_file,
    requirement_groups,
)
from image.machine import Needles, needles
from image.saved import Entry, SavedImage

pytestmark = pytest.mark.timeout(120)

#: 1980-01-01, the first moment that a zip file can hold.
EPOCH = 315_532_800
DATA_FOLDER = "var/lib/qingkong"
SITE_PACKAGES = "usr/local/lib/python3.12/site-packages"
PRIVATE_KEY = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/=]{16}")
SECRET_FILE = re.compile(
    r"(^|/)(\.env[^/]*|\.netrc|\.pypirc|\.git|\.git-credentials|\.ssh|\.aws|\.docker|pip\.conf|"
    r"id_(rsa|dsa|ecdsa|ed25519)[^/]*|[^/]+\.(key|p12|pfx|jks))$"
)
SECRET_VARIABLE = re.compile(r"SECRET|PASSWORD|PASSWD|TOKEN|CREDENTIAL|API_KEY", re.IGNORECASE)
CACHE = re.compile(r"(^|/)(__pycache__|\.cache|pip-cache|http-v2)(/|$)|\.py[co]$")


def test_the_build_file_orders_what_changes_rarely_first() -> None:
    fields = read_build_file("deploy/BUILD")["oci"].fields
    assert (fields["layers"], fields["pex"]) == ([":system"], ":runtime")
    first, *others, last = requirement_groups()
    # Compiled, and released rarely; and what is released most often.
    assert (first, last) == (
        "deploy/runtime.requirements-server",
        "deploy/runtime.requirements-web",
    )
    assert others


def _places(name: str) -> tuple[str, ...]:
    """What the paths in a layer start with."""
    if name == SYSTEM:
        fields = read_build_file("deploy/BUILD")["system"].fields
        kinds = ("directories", "symlinks", "files")
        return tuple(path.strip("/") for kind in kinds for path in fields.get(kind, {}))
    if name == DRIVER:
        return (f"{SITE_PACKAGES}/asyncmy",)
    if name == SOURCES:
        return ("app/fastapp/", "app/common/", "app/manage.py")
    return (f"{SITE_PACKAGES}/",)


def test_exactly_these_layers_are_on_the_base(saved: SavedImage) -> None:
    for name, layer in zip(layer_names(), saved.ours, strict=True):
        places = _places(name)
        for entry in layer.entries.values():
            # Folders on the way to a place are in the archive of a layer too.
            on_the_way = entry.info.isdir() and any(
                f"{place}/".startswith(f"{entry.path}/") for place in places
            )
            assert on_the_way or entry.path.startswith(places), f"{name}: {entry.path}"


def test_nothing_else_adds_bytes(image: Image, base: Image, saved: SavedImage) -> None:
    above = image.history()[: -len(base.history())]
    adding = [step for step in reversed(above) if step["Size"] > 0]
    assert len(adding) == len(saved.ours), [step["CreatedBy"] for step in adding]
    assert [step["CreatedBy"] for step in adding] == [f"layer {name}.tar" for name in layer_names()]
    assert len(above) == len(adding), "the image is only assembled"


def test_no_layer_hides_what_another_brings(saved: SavedImage) -> None:
    seen: dict[str, int] = {}
    for number, layer in enumerate(saved.ours):
        for path, entry in layer.entries.items():
            assert not path.rsplit("/", 1)[-1].startswith(".wh."), f"{path} takes a file away"
            if not entry.info.isdir():
                assert path not in seen, f"{path} is in the layers {seen[path]} and {number}"
                seen[path] = number


def test_times_and_owners_are_fixed(saved: SavedImage) -> None:
    below = saved.base_entries
    odd = []
    for layer in saved.ours:
        for path, entry in layer.entries.items():
            owner = (10001, 10001) if path == DATA_FOLDER else (0, 0)
            same_as_base = entry.info.isdir() and path in below and _same(entry, below[path])
            if (entry.info.mtime != EPOCH and not same_as_base) or _owner(entry) != owner:
                odd.append((path, entry.info.mtime, _owner(entry)))
    assert odd == [], "a layer whose times are those of its build has another digest each time"


def _same(one: Entry, other: Entry) -> bool:
    return one.info.mtime == other.info.mtime and _mode(one) == _mode(other)


def _mode(entry: Entry) -> int:
    # The engine's archives have the type of a file in here too, others do not.
    return stat.S_IMODE(entry.info.mode)


def _owner(entry: Entry) -> tuple[int, int]:
    return entry.info.uid, entry.info.gid


def test_rights(saved: SavedImage) -> None:
    below = saved.base_entries
    for entry in (entry for layer in saved.ours for entry in layer.entries.values()):
        mode, path = _mode(entry), entry.path
        if entry.info.issym():
            continue
        assert entry.info.isreg() or entry.info.isdir(), f"{path} is neither file nor folder"
        if path in below and entry.info.isdir():
            assert mode == _mode(below[path]), f"{path} had other rights in the base"
            continue
        assert not mode & (stat.S_ISUID | stat.S_ISGID), f"{path} gives its owner's rights"
        assert not mode & stat.S_IWOTH, f"everybody may write {path}"
        if path == DATA_FOLDER:
            assert mode == 0o750
        else:
            readable = stat.S_IROTH | (stat.S_IXOTH if entry.info.isdir() else 0)
            assert mode & readable == readable, f"the user of the image cannot read {path}"


def test_no_bytecode_and_no_caches(saved: SavedImage) -> None:
    assert [entry.path for entry in saved.own_entries if CACHE.search(entry.path)] == []
    caches = [path for path in saved.base_entries if re.search(r"(^|/)\.cache/pip(/|$)", path)]
    assert caches == [], "of the base"


def test_no_compiler(saved: SavedImage) -> None:
    program = re.compile(
        r"(^|/)s?bin/([\w.]+-linux-gnu-)?(gcc|g\+\+|cc|c\+\+|cpp|clang|ld|as|make|cython)(-[\d.]+)?$"
        r"|(^|/)(cc1|cc1plus|collect2|lto1|ld\.(bfd|gold|lld))$"
    )
    paths = [*saved.base_entries, *(entry.path for entry in saved.own_entries)]
    assert [path for path in paths if program.search(path)] == []


def test_no_secret(saved: SavedImage) -> None:
    assert [entry.path for entry in saved.own_entries if SECRET_FILE.search(entry.path)] == []
    for layer in saved.ours:
        assert [path for path, data in layer.files.items() if PRIVATE_KEY.search(data)] == []
    variables = [item.split("=", 1)[0] for item in saved.config["config"]["Env"]]
    assert [name for name in variables if SECRET_VARIABLE.search(name)] == []


@pytest.fixture(scope="module")
def found_here() -> Needles:
    """What is searched for on this machine."""
    found = needles()
    assert len(found.exact) > 3, "there is nothing to search for"
    assert found.short, "there is nothing to search for"
    return found


def test_nothing_of_this_machine_is_in_the_layers(saved: SavedImage, found_here: Needles) -> None:
    exact, short = _pattern(found_here.exact), _pattern(found_here.short)
    hits = []
    for path, data in _files(saved):
        hits += [(path, match) for match in exact.findall(data)]
        if not _of_a_package(path):
            hits += [(path, match) for match in short.findall(data)]
    assert hits == []


def test_nothing_of_this_machine_is_in_the_configuration(
    saved: SavedImage, base: Image, found_here: Needles
) -> None:
    # What the base's makers wrote is theirs.
    config: dict[str, Any] = {**saved.config, "history": saved.config["history"][_steps(base) :]}
    text = json.dumps(config).encode()
    assert _pattern(found_here.exact | found_here.short).findall(text) == []


def test_the_search_finds_what_is_there(saved: SavedImage) -> None:
    known = Needles(exact={"class BaseSettings(", "Asia/Shanghai"})
    paths = {path for path, data in _files(saved) if _pattern(known.exact).search(data)}
    assert paths >= {"app/fastapp/conf/base.py", "etc/timezone"}


def _pattern(texts: set[str]) -> re.Pattern[bytes]:
    return re.compile(b"|".join(re.escape(x.encode()) for x in sorted(texts)), re.IGNORECASE)


def _files(saved: SavedImage) -> Iterator[tuple[str, bytes]]:
    for layer in saved.ours:
        yield from layer.files.items()


def _of_a_package(path: str) -> bool:
    """Whether a file is an author's own, from an archive whose hash is locked.

    Not so: our code, the modules that we compile, and what an installer writes.
    """
    if "/site-packages/" not in path:
        return False
    name = path.rsplit("/", 1)[-1]
    if ".dist-info/" in path:
        return name not in {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "WHEEL"}
    return not ("/asyncmy/" in path and name.endswith(".so"))


def _steps(base: Image) -> int:
    return len(base.history())
