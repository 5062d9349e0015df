"""A repository of the tests of images that are made of a `pex_binary`, and what is in those."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pants.backend.python import target_types_rules
from pants.backend.python.dependency_inference import rules as dependency_inference
from pants.backend.python.target_types import (
    PexBinary,
    PythonRequirementTarget,
    PythonSourcesGeneratorTarget,
)
from pants.core.goals.package import BuiltPackage
from pants.core.target_types import (
    FilesGeneratorTarget,
    LockfilesGeneratorTarget,
    LockfileTarget,
    ResourcesGeneratorTarget,
)
from pants.engine.addresses import Address
from pants.engine.fs import Digest, DigestContents
from pants.testutil.rule_runner import QueryRule, RuleRunner

from qingkong_build.oci.image import register
from qingkong_build.oci.image.layout import OciImageFieldSet
from qingkong_build.oci.layers import register as layers_backend
from qingkong_build.oci.layers.pex_groups import LARGE

SITE_PACKAGES = "usr/local/lib/python3.12/site-packages"
#: Name, requirements and files of each distribution in the lockfile of `made`.
PACKAGES = (
    ("one", ("below",), {"one.py": ""}),
    ("below", (), {"below.so": "compiled"}),
    ("big", (), {"big.py": "#" * LARGE}),
    # Nothing requires it.
    ("other", (), {"other.py": ""}),
)
_INDEX = "application/vnd.oci.image.index.v1+json"


def wheel(name: str, files: dict[str, str]) -> bytes:
    info = f"{name.replace('-', '_')}-1.0.dist-info"
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


def lockfile(
    folder: Path, packages: Sequence[tuple[str, tuple[str, ...], dict[str, str]]] = PACKAGES
) -> str:
    """A lockfile of these, whose wheels are written into `folder`, that of `WHEELS`."""
    entries = []
    brought = {name for _, requires, _ in packages for name in requires}
    for name, requires, files in packages:
        content = wheel(name, files)
        filename = f"{name.replace('-', '_')}-1.0-py3-none-any.whl"
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
                "requires_dists": [*requires],
                "version": "1.0",
            }
        )
    return json.dumps(
        {
            # What no other one brings, as a lockfile made by Pants has it.
            "requirements": [name for name, _, _ in packages if name not in brought],
            "locked_resolves": [{"locked_requirements": entries}],
        }
    )


def repository_with(
    rules: Sequence[Any] = (), target_types: Sequence[Any] = (), locks: Sequence[str] = ()
) -> RuleRunner:
    """A repository with the plugins of images, and these; `locks` are copied from 3rdparty/."""
    runner = RuleRunner(
        rules=[
            *dependency_inference.rules(),
            *target_types_rules.rules(),
            *register.rules(),
            *layers_backend.rules(),
            *rules,
            QueryRule(BuiltPackage, [OciImageFieldSet]),
            QueryRule(DigestContents, [Digest]),
        ],
        target_types=[
            *register.target_types(),
            *layers_backend.target_types(),
            *target_types,
            FilesGeneratorTarget,
            LockfilesGeneratorTarget,
            LockfileTarget,
            PexBinary,
            PythonRequirementTarget,
            PythonSourcesGeneratorTarget,
            ResourcesGeneratorTarget,
        ],
    )
    for name in ("image-layer.lock", *locks):
        runner.write_files({name: Path("3rdparty", name).read_text()})
    runner.write_files({"made.lock": "{}", "tools.lock": "{}"})
    return runner


def options(wheels: Path, base: Path, *resolves: str) -> list[str]:
    """What `pants.toml` would have: `made` ships, `tools` does not."""
    locks = {name: f"{name}.lock" for name in ("made", "tools", "image-layer", *resolves)}
    return [
        "--source-root-patterns=['/src']",
        "--python-interpreter-constraints=['CPython==3.12.*']",
        "--python-enable-resolves",
        "--python-default-resolve=made",
        f"--python-resolves={locks}",
        f"--python-repos-path-mappings=+['WHEELS|{wheels}']",
        f"--image-assembly-base=oci:{base}",
        "--production-closure-resolves=['made']",
        "--production-closure-development-resolves=['tools']",
    ]


def package(runner: RuleRunner, files: Mapping[str, str], name: str = "oci") -> dict[str, bytes]:
    """The files of the image `app:NAME`, with `files` in the repository."""
    runner.write_files(dict(files))
    target = runner.get_target(Address("app", target_name=name))
    built = runner.request(BuiltPackage, [OciImageFieldSet.create(target)])
    contents = runner.request(DigestContents, [built.digest])
    return {x.path.replace(f"app/{name}/", "", 1): x.content for x in contents}


def document(files: Mapping[str, bytes], digest: str) -> Any:
    return json.loads(files[f"blobs/{digest.replace(':', '/')}"])


def manifests(files: Mapping[str, bytes]) -> dict[str, Any]:
    """The manifest for each processor; of an image without `platforms` for "amd64"."""
    (described,) = json.loads(files["index.json"])["manifests"]
    found = document(files, described["digest"])
    if described["mediaType"] != _INDEX:
        return {"amd64": found}
    return {x["platform"]["architecture"]: document(files, x["digest"]) for x in found["manifests"]}


def layers(files: Mapping[str, bytes], processor: str = "amd64") -> dict[str, set[str]]:
    """The files of each layer above the base, by the layer's name, without `.dist-info`."""
    manifest = manifests(files)[processor]
    history = document(files, manifest["config"]["digest"])["history"][1:]
    found = {}
    for step, layer in zip(history, manifest["layers"][1:]):
        content = gzip.decompress(files[f"blobs/{layer['digest'].replace(':', '/')}"])
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            names = {member.name for member in archive if member.isfile()}
        found[step["created_by"]] = {x for x in names if ".dist-info/" not in x}
    return found


def config(files: Mapping[str, bytes]) -> dict[str, Any]:
    content = document(files, manifests(files)["amd64"]["config"]["digest"])
    found: dict[str, Any] = content["config"]
    return found
