"""Packs layers of real files with Pants' engine."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from pants.backend.python import target_types_rules
from pants.backend.python.dependency_inference import rules as dependency_inference
from pants.backend.python.target_types import PythonSourcesGeneratorTarget
from pants.core.goals.package import BuiltPackage
from pants.core.target_types import (
    FilesGeneratorTarget,
    RelocatedFiles,
    ResourcesGeneratorTarget,
)
from pants.core.target_types import rules as core_target_types_rules
from pants.engine.addresses import Address
from pants.engine.fs import Digest, DigestContents
from pants.engine.internals.scheduler import ExecutionError
from pants.engine.target import InvalidFieldException
from pants.testutil.rule_runner import QueryRule, RuleRunner

from plugin_testing import machine
from qingkong_build.oci.layers import register
from qingkong_build.oci.layers.packaging import ImageLayerFieldSet

FILES = {
    "src/BUILD": "python_sources(dependencies=['src/pkg:templates'])\n",
    "src/main.py": "import pkg.used\n",
    "src/pkg/BUILD": "python_sources()\nresources(name='templates', sources=['*.html'])\n",
    "src/pkg/__init__.py": "",
    "src/pkg/used.py": "USED = True\n",
    "src/pkg/unused.py": "",
    "src/pkg/page.html": "<p>",
    "src/pkg/secret.html": "",
    "data/BUILD": (
        "files(name='data', sources=['a/*', 'run.sh'])\n"
        "relocated_files(name='moved', files_targets=[':data'], src='data', dest='moved')\n"
    ),
    "data/a/x.csv": "1,2",
    "data/run.sh": "#!/bin/sh",
}

# The digest of the layer of `test_filesystem_layer`. A new value is a new layer in every image that
# has one: change it only on purpose.
GOLDEN = "5741a9ea1a3a1427a7ee9ddb1def3dee929b35e04e2386d3c307759e44b90027"


def set_options(runner: RuleRunner, interpreter: str) -> None:
    machine.set_options(
        runner,
        [
            "--source-root-patterns=['/src']",
            f"--python-interpreter-constraints=['{interpreter}']",
        ],
    )


@pytest.fixture(scope="module")
def repository() -> RuleRunner:
    runner = RuleRunner(
        rules=[
            *dependency_inference.rules(),
            *core_target_types_rules(),
            *target_types_rules.rules(),
            *register.rules(),
            QueryRule(BuiltPackage, [ImageLayerFieldSet]),
            QueryRule(DigestContents, [Digest]),
        ],
        target_types=[
            PythonSourcesGeneratorTarget,
            *register.target_types(),
            FilesGeneratorTarget,
            RelocatedFiles,
            ResourcesGeneratorTarget,
        ],
    )
    set_options(runner, "CPython==3.12.*")
    return runner


@pytest.fixture(autouse=True)
def files(repository: RuleRunner) -> None:
    """The files as they are above, whatever the test before did to them."""
    repository.write_files(FILES)
    Path(repository.build_root, "data", "run.sh").chmod(0o755)


def pack(runner: RuleRunner, target_type: str, **fields: Any) -> tuple[str, bytes]:
    """The path and the bytes of the layer of one target in deploy/."""
    arguments = ", ".join(f"{name}={value!r}" for name, value in fields.items())
    runner.write_files({"deploy/BUILD": f"{target_type}(name='layer', {arguments})\n"})
    target = runner.get_target(Address("deploy", target_name="layer"))
    package = runner.request(BuiltPackage, [ImageLayerFieldSet.create(target)])
    (file,) = runner.request(DigestContents, [package.digest])
    return file.path, file.content


def listing(layer: bytes) -> list[str]:
    """One line for each member, as `tar -tv` would say it."""
    with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
        return [
            f"{'dl-'[[b'5', b'2', b'0'].index(member.type)]} {member.mode:o} "
            f"{member.uid}:{member.gid} {member.size} {member.name}"
            + (f" -> {member.linkname}" if member.linkname else "")
            for member in tar
        ]


def sources_layer(runner: RuleRunner) -> tuple[str, bytes]:
    return pack(
        runner,
        "sources_layer",
        dependencies=["src/main.py"],
        path="/app",
        exclude=["*/secret.html"],
    )


def test_sources_layer(repository: RuleRunner) -> None:
    """Sources and resources that are depended on, without their source root."""
    path, layer = sources_layer(repository)
    assert path == "deploy/layer.tar"
    assert listing(layer) == [
        "- 644 0:0 16 app/main.py",
        "- 644 0:0 0 app/pkg/__init__.py",
        "- 644 0:0 3 app/pkg/page.html",
        "- 644 0:0 12 app/pkg/used.py",
    ]


def test_bytecode_where_it_is_chosen(repository: RuleRunner) -> None:
    """Of what is packed, and nothing else; the sources are what they are without it."""
    (_, plain), (_, layer) = (
        pack(
            repository,
            "sources_layer",
            dependencies=["src/main.py"],
            path="/app",
            exclude=["*/secret.html", "*/__init__.py"],
            **fields,
        )
        for fields in ({"bytecode": "none"}, {"bytecode": "unchecked-hash"})
    )
    lines = listing(layer)
    assert [line.split()[-1] for line in lines if "__pycache__" in line] == [
        "app/__pycache__/main.cpython-312.pyc",
        "app/pkg/__pycache__/used.cpython-312.pyc",
    ]
    assert [line for line in lines if "__pycache__" not in line] == listing(plain)
    with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
        file = tar.extractfile("app/pkg/__pycache__/used.cpython-312.pyc")
        assert file is not None
        # PEP 552: by hash, and not to be checked.
        assert file.read()[4:8] == b"\1\0\0\0"


def test_bytecode_is_for_one_python(repository: RuleRunner) -> None:
    set_options(repository, "CPython>=3.9,<3.13")
    try:
        with pytest.raises(ExecutionError) as error:
            pack(
                repository,
                "sources_layer",
                dependencies=["src/main.py"],
                path="/app",
                bytecode="unchecked-hash",
            )
    finally:
        set_options(repository, "CPython==3.12.*")
    message = str(error.value)
    assert "The 'bytecode' field in target deploy:layer is 'unchecked-hash'" in message
    assert "3.9, 3.10, 3.11, 3.12" in message


def files_layer(runner: RuleRunner, **fields: Any) -> list[str]:
    return listing(pack(runner, "files_layer", path="/srv/shop", **fields)[1])


def test_a_tree_of_data(repository: RuleRunner) -> None:
    """Files with their path, resources without their source root, what is moved where it goes."""
    everything = ["data:data", "data:moved", "src/pkg:templates"]
    assert files_layer(repository, dependencies=everything, exclude=["*/secret.html"]) == [
        "- 644 0:0 3 srv/shop/data/a/x.csv",
        "- 755 0:0 9 srv/shop/data/run.sh",
        "- 644 0:0 3 srv/shop/moved/a/x.csv",
        "- 755 0:0 9 srv/shop/moved/run.sh",
        "- 644 0:0 3 srv/shop/pkg/page.html",
    ]
    assert files_layer(
        repository,
        dependencies=["data:moved"],
        owner="10001:7",
        file_mode="0640",
        directory_mode="0750",
    ) == [
        "d 750 10001:7 0 srv/shop",
        "d 750 10001:7 0 srv/shop/moved",
        "d 750 10001:7 0 srv/shop/moved/a",
        "- 640 10001:7 3 srv/shop/moved/a/x.csv",
        "- 640 10001:7 9 srv/shop/moved/run.sh",
    ]


@pytest.mark.parametrize(
    ("fields", "parts"),
    [
        ({"dependencies": ["src/main.py"]}, ("dependencies=src/main.py", "python_source")),
        ({"dependencies": ["data:data"], "owner": "app"}, ("owner='app'",)),
        ({"dependencies": ["data:data"], "file_mode": "rw"}, ("file_mode='rw'",)),
        ({"dependencies": ["data:data"], "directory_mode": "0999"}, ("directory_mode='0999'",)),
    ],
)
def test_a_tree_of_data_that_is_wrong(
    repository: RuleRunner, fields: dict[str, Any], parts: tuple[str, ...]
) -> None:
    with pytest.raises((ExecutionError, InvalidFieldException)) as error:
        files_layer(repository, **fields)
    for part in ("packing deploy:layer: ", *parts, "Fix: "):
        assert part in str(error.value)


def test_files_among_sources_are_an_error(repository: RuleRunner) -> None:
    with pytest.raises(ExecutionError) as error:
        pack(
            repository,
            "sources_layer",
            dependencies=["src/main.py", "data:data"],
            path="/app",
        )
    message = str(error.value)
    for part in ("packing deploy:layer: ", "dependencies=data/", "`files_layer`", "Fix: "):
        assert part in message


def filesystem_layer(runner: RuleRunner) -> tuple[str, bytes]:
    return pack(
        runner,
        "filesystem_layer",
        directories={"/data": "10001:10001 0750"},
        symlinks={"/etc/localtime": "/usr/share/zoneinfo/Asia/Shanghai"},
        files={"/etc/timezone": "Asia/Shanghai\n"},
        output_path="base/files.tar",
    )


def test_filesystem_layer(repository: RuleRunner) -> None:
    path, layer = filesystem_layer(repository)
    assert path == "base/files.tar"
    assert listing(layer) == [
        "d 750 10001:10001 0 data",
        "l 777 0:0 0 etc/localtime -> /usr/share/zoneinfo/Asia/Shanghai",
        "- 644 0:0 14 etc/timezone",
    ]
    assert hashlib.sha256(layer).hexdigest() == GOLDEN


def test_the_same_bytes_again(repository: RuleRunner) -> None:
    """Another interpreter is another process: nothing of the first is in a cache for it."""
    first = sources_layer(repository), filesystem_layer(repository)
    set_options(repository, "CPython==3.9.*")
    try:
        assert (sources_layer(repository), filesystem_layer(repository)) == first
    finally:
        set_options(repository, "CPython==3.12.*")


def test_one_edit_changes_one_layer(repository: RuleRunner) -> None:
    sources, files = sources_layer(repository), filesystem_layer(repository)
    repository.write_files({"src/pkg/unused.py": "EDITED = True\n"})
    assert (sources_layer(repository), filesystem_layer(repository)) == (sources, files)
    repository.write_files({"src/pkg/used.py": "USED = 'now'\n"})
    assert sources_layer(repository) != sources
    assert filesystem_layer(repository) == files


def test_bad_directory(repository: RuleRunner) -> None:
    with pytest.raises(ExecutionError) as error:
        pack(
            repository,
            "filesystem_layer",
            directories={"/data": "app"},
        )
    message = str(error.value)
    assert "'directories' field in target deploy:layer has 'app' for '/data'" in message


def test_a_layer_of_no_wheels(repository: RuleRunner) -> None:
    """It would be an empty layer, which no one means."""
    with pytest.raises(ExecutionError) as error:
        pack(repository, "wheels_layer", path="/lib", dependencies=[])
    exceptions: Sequence[Exception] = error.value.wrapped_exceptions
    (cause,) = exceptions
    assert isinstance(cause, InvalidFieldException)
    for part in ("packing deploy:layer: dependencies", "a wheel for linux/amd64", "Fix: add a"):
        assert part in str(cause)
