"""Images of a `pex_binary`: which layers they have, and what they start."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pants.backend.python import target_types_rules
from pants.backend.python.dependency_inference import rules as dependency_inference
from pants.backend.python.target_types import (
    PexBinary,
    PythonRequirementTarget,
    PythonSourcesGeneratorTarget,
)
from pants.core.goals.package import BuiltPackage
from pants.core.target_types import FilesGeneratorTarget, ResourcesGeneratorTarget
from pants.engine.addresses import Address
from pants.engine.fs import Digest, DigestContents
from pants.engine.internals.scheduler import ExecutionError
from pants.testutil.rule_runner import QueryRule, RuleRunner
from pants.util.frozendict import FrozenDict

from image_layer import register as image_layer
from image_layer.pex_groups import LARGE
from oci_image import register
from oci_image.layout import OciImageFieldSet
from oci_image.oci_image_integration_test import base_layout, manifest_of
from plugin_testing import machine

SITE_PACKAGES = "usr/local/lib/python3.12/site-packages"
PEX = "pex_binary(name='run', entry_point='app.main:serve', args=['-v'], env={'A': '1'})\n"
IMAGE = "oci_image(name='oci', base='nothing:1', pex='src/app:run'{})\n"
FILES = {
    "3rdparty/BUILD": (
        "python_requirement(name='one', requirements=['one'], resolve='made')\n"
        "python_requirement(name='big', requirements=['big'], resolve='made')\n"
        "python_requirement(name='tool', requirements=['tool'], resolve='tools')\n"
    ),
    "src/app/BUILD": f"python_sources()\nresources(name='data', sources=['*.txt'])\n{PEX}",
    "src/app/main.py": "import one\nimport lib.more\n\ndef serve(): ...\n",
    "src/app/hello.txt": "hello\n",
    "src/lib/BUILD": "python_sources()\n",
    "src/lib/more.py": "import big\n",
    "src/lib/unused.py": "",
    "app/BUILD": IMAGE.format(""),
}


def wheel(name: str, files: dict[str, str]) -> bytes:
    info = f"{name}-1.0.dist-info"
    content = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    content[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*content, f"{info}/RECORD"])
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, text in content.items():
            archive.writestr(zipfile.ZipInfo(path), text)
    return buffer.getvalue()


def lockfile(folder: Path) -> str:
    """Of `made`: `one` requires `below`, `big` is large, and nothing here requires `other`."""
    entries = []
    for name, requires, files in (
        ("one", ["below"], {"one.py": ""}),
        ("below", [], {"below.so": "compiled"}),
        ("big", [], {"big.py": "#" * LARGE}),
        ("other", [], {"other.py": ""}),
    ):
        content = wheel(name, files)
        filename = f"{name}-1.0-py3-none-any.whl"
        (folder / filename).write_bytes(content)
        artifact = {
            "algorithm": "sha256",
            "hash": hashlib.sha256(content).hexdigest(),
            "url": f"file://${{WHEELS}}/{filename}",
        }
        entries.append(
            {
                "artifacts": [artifact],
                "project_name": name,
                "requires_dists": requires,
                "version": "1.0",
            }
        )
    return json.dumps(
        {
            "requirements": ["one", "big", "other"],
            "locked_resolves": [{"locked_requirements": entries}],
        }
    )


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> RuleRunner:
    folder = tmp_path_factory.mktemp("made")
    base = base_layout(folder / "base", "amd64")
    runner = RuleRunner(
        rules=[
            *dependency_inference.rules(),
            *target_types_rules.rules(),
            *register.rules(),
            *image_layer.rules(),
            QueryRule(BuiltPackage, [OciImageFieldSet]),
            QueryRule(DigestContents, [Digest]),
        ],
        target_types=[
            *register.target_types(),
            *image_layer.target_types(),
            FilesGeneratorTarget,
            PexBinary,
            PythonRequirementTarget,
            PythonSourcesGeneratorTarget,
            ResourcesGeneratorTarget,
        ],
    )
    runner.write_files({"made.lock": lockfile(folder), "tools.lock": "{}"})
    runner.write_files({"image-layer.lock": Path("3rdparty/image-layer.lock").read_text()})
    resolves = {name: f"{name}.lock" for name in ("made", "tools", "image-layer")}
    machine.set_options(
        runner,
        [
            "--source-root-patterns=['/src']",
            "--python-interpreter-constraints=['CPython==3.12.*']",
            "--python-enable-resolves",
            "--python-default-resolve=made",
            f"--python-resolves={resolves}",
            f"--python-repos-path-mappings=+['WHEELS|{folder}']",
            f"--image-assembly-base=oci:{base}",
            "--production-closure-resolves=['made']",
        ],
    )
    return runner


def package(runner: RuleRunner, changes: Mapping[str, str] = FrozenDict()) -> dict[str, bytes]:
    """The files of the image, with `changes` to the files of the repository, by path."""
    runner.write_files({**FILES, **changes})
    target = runner.get_target(Address("app", target_name="oci"))
    built = runner.request(BuiltPackage, [OciImageFieldSet.create(target)])
    return {x.path: x.content for x in runner.request(DigestContents, [built.digest])}


def blob(files: dict[str, bytes], digest: str) -> bytes:
    return files[f"app/oci/blobs/{digest.replace(':', '/')}"]


def layers(files: dict[str, bytes]) -> dict[str, set[str]]:
    """The files of each layer above the base, by the layer's name."""
    manifest = manifest_of(files)
    history = json.loads(blob(files, manifest["config"]["digest"]))["history"][1:]
    found = {}
    for step, layer in zip(history, manifest["layers"][1:]):
        content = gzip.decompress(blob(files, layer["digest"]))
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            names = {member.name for member in archive if member.isfile()}
        found[step["created_by"]] = {x for x in names if ".dist-info/" not in x}
    return found


def config(files: dict[str, bytes]) -> dict[str, Any]:
    content = json.loads(blob(files, manifest_of(files)["config"]["digest"]))
    found: dict[str, Any] = content["config"]
    return found


def test_each_part_is_a_layer(repository: RuleRunner) -> None:
    files = package(repository)
    found = layers(files)
    assert list(found.items()) == [
        ("layer app/oci.requirement-big.tar", {f"{SITE_PACKAGES}/big.py"}),
        ("layer app/oci.requirements-compiled.tar", {f"{SITE_PACKAGES}/below.so"}),
        ("layer app/oci.requirements.tar", {f"{SITE_PACKAGES}/one.py"}),
        ("layer app/oci.sources.tar", {"app/app/main.py", "app/lib/more.py"}),
    ]
    settings = config(files)
    assert settings["Env"] == ["PATH=/bin", "PYTHONPATH=/app", "A=1"]
    assert settings["WorkingDir"] == "/app"
    *program, code, argument = settings["Entrypoint"]
    assert (program, argument) == (["python", "-c"], "-v")
    assert "from app.main import serve" in code


def test_an_edit_moves_the_sources_alone(repository: RuleRunner) -> None:
    before = manifest_of(package(repository))["layers"]
    edited = package(repository, {"src/lib/more.py": "import big\nEDITED = True\n"})
    after = manifest_of(edited)["layers"]
    assert after[:-1] == before[:-1]
    assert after[-1] != before[-1]


def test_fields_of_the_image_come_first(repository: RuleRunner) -> None:
    fields = ", layers=[], entrypoint=[], cmd=['x'], workdir='/', env={'A': '2'}"
    settings = config(package(repository, {"app/BUILD": IMAGE.format(fields)}))
    assert "Entrypoint" not in settings
    assert (settings["Cmd"], settings["WorkingDir"]) == (["x"], "/")
    assert settings["Env"] == ["PATH=/bin", "PYTHONPATH=/app", "A=2"]


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        (
            {"app/BUILD": IMAGE.format("").replace("src/app:run", "src/app:data")},
            ("The 'pex' field in target app:oci is 'src/app:data'", "no `pex_binary`", "Fix: "),
        ),
        (
            {"src/lib/BUILD": "python_sources(dependencies=['3rdparty:tool'])\n"},
            ("src/app:run", "3rdparty:tool", "resolve 'tools'"),
        ),
        (
            {
                "src/lib/BUILD": (
                    "python_sources(dependencies=[':page'])\n"
                    "files(name='page', sources=['BUILD'])\n"
                )
            },
            ("packing app:oci: pex=src/lib/BUILD:page", "files_layer", "Fix: "),
        ),
        ({"app/BUILD": IMAGE.format("").replace("src/app:run", "src/app:no")}, ("src/app:no",)),
    ],
    ids=["no pex", "development", "files", "nothing"],
)
def test_errors(repository: RuleRunner, changes: dict[str, str], parts: tuple[str, ...]) -> None:
    with pytest.raises(ExecutionError) as error:
        package(repository, changes)
    for part in parts:
        assert part in str(error.value)
