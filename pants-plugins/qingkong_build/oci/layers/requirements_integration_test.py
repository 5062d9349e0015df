"""Makes requirements layers of real wheels: some made here, some of the index."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import secrets
import struct
import tarfile
import zipfile
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from pants.backend.python import target_types_rules
from pants.core.goals.package import BuiltPackage
from pants.engine.addresses import Address
from pants.engine.fs import Digest, DigestContents
from pants.engine.internals.scheduler import ExecutionError
from pants.testutil.rule_runner import QueryRule, RuleRunner
from pants.util.logging import LogLevel

from plugin_testing import machine
from qingkong_build.oci.layers import register
from qingkong_build.oci.layers.packaging import ImageLayerFieldSet

PATH = "/usr/lib/python"
# ELF's numbers.
MACHINES = {"linux/amd64": 62, "linux/arm64": 183}


# More bytes than Pants copies into a sandbox: of what is larger, it makes a link.
LARGE = 600_000


def wheel(name: str, version: str, text: str = "", *, large: bool = False) -> tuple[str, bytes]:
    """The file name and the bytes of a wheel of one module and what is not needed.

    With `large`, there is a large file in it, and a program.
    """
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}/__init__.py": text or f"VERSION = {version!r}\n",
        f"{name}/__init__.pyi": "VERSION: str\n",
        f"{name}/tests/test_it.py": "",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    if large:
        files[f"{name}/large.js"] = "x" * LARGE
        files[f"{name}/run.sh"] = "#!/bin/sh\n"
    files[f"{info}/RECORD"] = "".join(f"{x},,\n" for x in [*files, f"{info}/RECORD"])
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, content in files.items():
            entry = zipfile.ZipInfo(path)
            entry.external_attr = (0o100755 if path.endswith(".sh") else 0o100644) << 16
            archive.writestr(entry, content)
    return f"{name}-{version}-py3-none-any.whl", buffer.getvalue()


class Repository:
    """A repository with wheels beside its lockfile, and an engine."""

    def __init__(self, runner: RuleRunner, wheels: Path) -> None:
        self.runner = runner
        self.wheels = wheels

    def lock(
        self,
        versions: dict[str, str],
        requires: dict[str, list[str]] | None = None,
        *,
        large: bool = False,
    ) -> None:
        """Write the lockfile of `made`, of wheels that are made for it."""
        entries = []
        for name, version in versions.items():
            filename, content = wheel(name, version, large=large)
            (self.wheels / filename).write_bytes(content)
            entries.append(
                {
                    "artifacts": [
                        {
                            "algorithm": "sha256",
                            "hash": hashlib.sha256(content).hexdigest(),
                            "url": f"file://${{WHEELS}}/{filename}",
                        }
                    ],
                    "project_name": name,
                    "requires_dists": (requires or {}).get(name, []),
                    "version": version,
                }
            )
        lock = {"requirements": ["one"], "locked_resolves": [{"locked_requirements": entries}]}
        self.runner.write_files({"made.lock": json.dumps(lock, indent=2)})

    def build(self, *targets: dict[str, Any]) -> None:
        """Write deploy/BUILD with requirements layers of these fields."""
        text = "".join(
            f"requirements_layer(**{ ({'path': PATH, 'resolve': 'made', **fields})!r})\n"
            for fields in targets
        )
        self.runner.write_files({"deploy/BUILD": text})

    def layer(self, name: str) -> dict[str, bytes]:
        """The files of one layer, by path below `PATH`."""
        content = self.layer_bytes(name)
        with tarfile.open(fileobj=io.BytesIO(content)) as tar:
            found = {}
            for member in tar:
                file = tar.extractfile(member)
                if file is not None:
                    found[f"/{member.name[len(PATH) :]}"] = file.read()
        return found

    def layer_bytes(self, name: str) -> bytes:
        target = self.runner.get_target(Address("deploy", target_name=name))
        package = self.runner.request(BuiltPackage, [ImageLayerFieldSet.create(target)])
        (file,) = self.runner.request(DigestContents, [package.digest])
        assert file.path == f"deploy/{name}.tar"
        return file.content

    def error(self, name: str) -> str:
        with pytest.raises(ExecutionError) as error:
            self.layer(name)
        return str(error.value)

    def processes(self) -> list[str]:
        """The processes asked for since the last call, run or found in the cache."""
        done = self.runner.scheduler.poll_workunits(LogLevel.DEBUG)["completed"]
        asked = [x["description"] for x in done if x["name"] == "process"]
        return sorted(text[len("Scheduling: ") :] for text in asked)


def set_options(runner: RuleRunner, wheels: Path, *more: str) -> None:
    resolves = {"made": "made.lock", "prod": "prod.lock", "image-layer": "image-layer.lock"}
    machine.set_options(
        runner,
        [
            "--python-interpreter-constraints=['CPython==3.12.*']",
            "--python-enable-resolves",
            "--python-default-resolve=made",
            f"--python-resolves={resolves}",
            f"--python-repos-path-mappings=+['WHEELS|{wheels}']",
            *more,
        ],
    )


def make_repository(wheels: Path, **arguments: Any) -> Repository:
    runner = RuleRunner(
        rules=[
            *target_types_rules.rules(),
            *register.rules(),
            QueryRule(BuiltPackage, [ImageLayerFieldSet]),
            QueryRule(DigestContents, [Digest]),
        ],
        target_types=register.target_types(),
        **arguments,
    )
    for name in ("image-layer", "prod"):
        runner.write_files({f"{name}.lock": Path(f"3rdparty/{name}.lock").read_text()})
    set_options(runner, wheels)
    return Repository(runner, wheels)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    return make_repository(tmp_path_factory.mktemp("wheels"))


def check_record(layer: dict[str, bytes], distribution: str) -> None:
    """RECORD has each file of `distribution`, with its hash, and no other."""
    (record,) = (x for x in layer if x.startswith(f"/{distribution}-") and x.endswith("/RECORD"))
    listed = set()
    for path, digest, size in csv.reader(io.StringIO(layer[record].decode())):
        listed.add(f"/{path}")
        content = layer[f"/{path}"]
        if digest:
            value = base64.urlsafe_b64encode(hashlib.sha256(content).digest())
            assert digest == f"sha256={value.decode().rstrip('=')}"
            assert int(size) == len(content)
    assert listed == {x for x in layer if x.split("/")[1].startswith(distribution)}


def names(layer: Iterable[str]) -> set[str]:
    return {x.split("/")[1] for x in layer if ".dist-info" not in x}


def test_modes_are_those_of_the_wheel_wherever_sandboxes_are(tmp_path: Path) -> None:
    """Pants links a large file into a sandbox from its store, where no one may write it.

    It does so where both are on one file system only: on the other one, the file is a copy.
    """
    layers = []
    memory = Path("/dev/shm")
    assert memory.stat().st_dev != tmp_path.stat().st_dev, "this needs two file systems"
    with TemporaryDirectory(dir=memory) as elsewhere:
        for name, sandboxes in (("here", tmp_path / "sandboxes"), ("elsewhere", Path(elsewhere))):
            sandboxes.mkdir(exist_ok=True)
            (tmp_path / name).mkdir()
            made = make_repository(
                tmp_path / name,
                isolated_local_store=True,
                bootstrap_args=[f"--local-execution-root-dir={sandboxes}"],
            )
            made.lock({"one": "1.0"}, large=True)
            made.build({"name": "all"})
            layers.append(made.layer_bytes("all"))
    with tarfile.open(fileobj=io.BytesIO(layers[0])) as tar:
        modes = {x.name[len(PATH) :]: x.mode for x in tar if x.isfile()}
    assert modes["one/large.js"] == 0o644
    assert modes["one/run.sh"] == 0o755
    assert layers[0] == layers[1]


THREE = {"one": "1.0", "two": "1.0", "three": "1.0", "windows": "1.0"}
REQUIRES = {"one": ["two", "three", "windows; sys_platform == 'win32'"]}
GROUPS = ({"name": "a", "distributions": ["One"]}, {"name": "b", "distributions": ["two"]})
REST = {"name": "rest"}


def test_groups(repository: Repository) -> None:
    repository.lock(THREE, REQUIRES)
    repository.build(*GROUPS, REST)
    layers = [repository.layer(name) for name in ("a", "b", "rest")]
    assert [names(layer) for layer in layers] == [{"one"}, {"two"}, {"three"}]
    assert sorted(layers[0]) == [
        "/one-1.0.dist-info/INSTALLER",
        "/one-1.0.dist-info/METADATA",
        "/one-1.0.dist-info/RECORD",
        "/one-1.0.dist-info/WHEEL",
        "/one/__init__.py",
    ]
    check_record(layers[0], "one")


def test_one_layer(repository: Repository) -> None:
    repository.lock(THREE, REQUIRES)
    repository.build({"name": "all", "leave_out": ["type-stubs"], "exclude": ["*/METADATA"]})
    layer = repository.layer("all")
    assert names(layer) == {"one", "two", "three"}
    assert "/one/tests/test_it.py" in layer
    assert not [x for x in layer if x.endswith((".pyi", "/METADATA"))]
    for name in names(layer):
        check_record(layer, name)


def test_one_pin_is_one_layer_and_three_processes(repository: Repository) -> None:
    """Its download, its installation, and the packing of its layer."""
    repository.lock(THREE, REQUIRES)
    repository.build(*GROUPS, REST)
    before = [repository.layer_bytes(name) for name in ("a", "b", "rest")]
    repository.processes()
    repository.lock({**THREE, "two": "1.1"}, REQUIRES)
    after = [repository.layer_bytes(name) for name in ("a", "b", "rest")]
    assert [x == y for x, y in zip(before, after)] == [True, False, True]
    assert repository.processes() == [
        "Download two-1.1-py3-none-any.whl",
        "Install two-1.1-py3-none-any.whl",
        "Pack the layer of deploy:b",
    ]


def test_a_name_that_the_lockfile_lacks(repository: Repository) -> None:
    repository.lock(THREE, REQUIRES)
    repository.build({"name": "a", "distributions": ["windows"]}, REST)
    message = repository.error("rest")
    assert "'distributions' field in target deploy:a has 'windows'" in message
    assert "the resolve 'made' for linux/amd64 does not bring" in message


def test_nothing_is_forgotten(repository: Repository) -> None:
    """One layer alone is enough to notice."""
    repository.lock(THREE, REQUIRES)
    repository.build(*GROUPS)
    assert "no layer has three of the resolve 'made'" in repository.error("a")


def test_layers_of_other_images_do_not_count(repository: Repository) -> None:
    repository.lock(THREE, REQUIRES)
    elsewhere = {"name": "elsewhere", "path": "/opt/python"}
    other = {"name": "other", "platform": "linux/arm64"}
    repository.build(*GROUPS, REST, elsewhere, other)
    assert names(repository.layer("rest")) == {"three"}
    assert names(repository.layer("other")) == {"one", "two", "three"}


def test_an_empty_layer(repository: Repository) -> None:
    repository.lock(THREE, REQUIRES)
    repository.build({"name": "a", "distributions": ["one", "two", "three"]}, REST)
    message = repository.error("rest")
    for part in ("packing deploy:rest: resolve=", "would be empty", "Fix: remove the target"):
        assert part in message


def test_forbidden(repository: Repository) -> None:
    repository.lock(THREE, REQUIRES)
    repository.build({"name": "all", "forbid": ["Three"]})
    message = repository.error("all")
    assert "'forbid' field in target deploy:all has 'Three'" in message
    assert "made.lock brings three 1.0 (one -> three)" in message
    assert "pants generate-lockfiles" in message


def test_forbidden_and_not_needed(repository: Repository) -> None:
    repository.lock(THREE, REQUIRES)
    repository.build({"name": "all", "forbid": ["windows", "absent"]})
    assert names(repository.layer("all")) == {"one", "two", "three"}


def test_other_bytes_than_locked(repository: Repository) -> None:
    repository.lock({"one": "6.6"})
    (repository.wheels / "one-6.6-py3-none-any.whl").write_bytes(wheel("one", "6.6", "evil")[1])
    repository.build({"name": "all"})
    message = repository.error("all")
    assert "Download of one-6.6-py3-none-any.whl for made.lock failed: sha256=" in message
    assert "the file at file://" in message


def test_two_that_have_the_same_file(repository: Repository) -> None:
    repository.lock({"one": "1.0", "two": "1.0"}, {"one": ["two"]})
    filename, content = wheel("one", "7.7", "another")
    (repository.wheels / filename).write_bytes(content)
    lock = json.loads((Path(repository.runner.build_root) / "made.lock").read_text())
    entry = lock["locked_resolves"][0]["locked_requirements"][1]
    entry["artifacts"][0]["hash"] = hashlib.sha256(content).hexdigest()
    entry["artifacts"][0]["url"] = f"file://${{WHEELS}}/{filename}"
    repository.runner.write_files({"made.lock": json.dumps(lock)})
    repository.build({"name": "all"})
    message = repository.error("all")
    assert "one and two both have 'one/__init__.py'" in message
    assert "target deploy:all" in message


def test_unknown_resolve(repository: Repository) -> None:
    repository.build({"name": "layer", "resolve": "production"})
    message = repository.error("layer")
    assert "'resolve' field in target deploy:layer is 'production'" in message
    assert "[python.resolves] has only: " in message


@pytest.mark.parametrize(
    ("option", "resolve", "found"),
    [
        (
            "--image-layer-installer-resolve=absent",
            "made",
            ["[image-layer].installer_resolve is 'absent'", "Add a resolve of this name"],
        ),
        (
            "--image-layer-installer-resolve=made",
            "made",
            ["[image-layer].installer_resolve is 'made'", "made.lock has no `installer`"],
        ),
        (
            "--python-repos-path-mappings=[]",
            "made",
            ["for made.lock failed: [python-repos].path_mappings: it has no 'WHEELS'", "/one-5.5"],
        ),
        (
            "--python-interpreter-constraints=['CPython>=3.11,<3.13']",
            "made",
            [
                "'interpreter_constraints' field in target deploy:layer",
                "holds for 3.11, 3.12, but an image has one Python",
            ],
        ),
        (
            "--python-interpreter-constraints=['CPython==3.11.*']",
            "prod",
            ["prod.lock was made for CPython==3.12.*", "linux/amd64 with CPython 3.11"],
        ),
    ],
)
def test_options(repository: Repository, option: str, resolve: str, found: list[str]) -> None:
    # One that no cache has: a file is known by its hash, and not by where it comes from.
    repository.lock({"one": f"5.5.{secrets.randbelow(10**9)}"})
    repository.build({"name": "layer", "resolve": resolve})
    set_options(repository.runner, repository.wheels, option)
    try:
        message = repository.error("layer")
        assert [text for text in found if text not in message] == []
    finally:
        set_options(repository.runner, repository.wheels)


@pytest.mark.parametrize("platform", sorted(MACHINES))
def test_libraries_of_the_index(repository: Repository, platform: str) -> None:
    """Wheels of both platforms: chosen, installed and stripped, whatever this machine is."""
    group = {"resolve": "prod", "platform": platform}
    repository.build(
        {"name": "plain", "distributions": ["frozenlist"], "leave_out": [], **group},
        {"name": "rest", **group},
    )
    plain = repository.layer("plain")
    repository.build(
        {"name": "small", "distributions": ["frozenlist"], **group},
        {"name": "rest", **group},
    )
    small = repository.layer("small")
    for layer in (plain, small):
        check_record(layer, "frozenlist")
    (library,) = (x for x in small if x.endswith(".so"))
    assert struct.unpack_from("<H", small[library], 18) == (MACHINES[platform],)
    # Another `e_shoff` and other numbers of sections, and then the same code.
    assert small[library][64:4096] == plain[library][64:4096]
    assert len(small[library]) < len(plain[library])
    assert {x for x in plain if x.endswith((".pyi", ".pyx"))} <= set(plain) - set(small)
    assert "/frozenlist/py.typed" in small
