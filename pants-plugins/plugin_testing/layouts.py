"""OCI image layouts that lie in a test's repository, as a target whose package holds one."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pants.core.goals.package import BuiltPackage, BuiltPackageArtifact, PackageFieldSet
from pants.engine.rules import Get, collect_rules, rule
from pants.engine.target import (
    COMMON_TARGET_FIELDS,
    HydratedSources,
    HydrateSourcesRequest,
    MultipleSourcesField,
    Target,
)
from pants.engine.unions import UnionRule
from pants.testutil.rule_runner import RuleRunner

_SCRIPTS = "pants-plugins/qingkong_build/oci/{}/scripts"
# The builder's modules are no package of the plugins' resolve.
_BUILD = """
import json, pathlib, sys
from layout_builder import Node, write_layout
place, layers, settings = sys.argv[1], json.loads(sys.argv[2]), json.loads(sys.argv[3])
trees = [{path: Node(text, uid=uid) for path, (text, uid) in tree.items()} for tree in layers]
write_layout(pathlib.Path(place), trees, settings)
"""


class LayoutSourcesField(MultipleSourcesField):
    uses_source_roots = False


class LayoutTarget(Target):
    """`layout(name="oci", sources=["oci/**"])`."""

    alias = "layout"
    core_fields = (*COMMON_TARGET_FIELDS, LayoutSourcesField)


@dataclass(frozen=True)
class LayoutFieldSet(PackageFieldSet):
    required_fields = (LayoutSourcesField,)

    sources: LayoutSourcesField


@rule
async def package_layout(field_set: LayoutFieldSet) -> BuiltPackage:
    sources = await Get(HydratedSources, HydrateSourcesRequest(field_set.sources))
    return BuiltPackage(sources.snapshot.digest, (BuiltPackageArtifact(None),))


def write_layout(
    runner: RuleRunner,
    path: str,
    layers: Iterable[Mapping[str, tuple[str, int]]],
    settings: Mapping[str, Any],
) -> None:
    """A layout at `path`: the first layer is its base's; files are (content, user id)."""
    place = Path(runner.build_root, path)
    shutil.rmtree(place, ignore_errors=True)
    scripts = [str(Path(_SCRIPTS.format(name)).resolve()) for name in ("layout", "zstd")]
    subprocess.run(
        [sys.executable, "-c", _BUILD, str(place), json.dumps(list(layers)), json.dumps(settings)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(scripts)},
        check=True,
    )


def compress_again(
    runner: RuleRunner, path: str, compression: str, media_type: str | None = None
) -> None:
    """The same image in a layout whose layers skopeo has compressed in another way.

    `media_type` is what the manifest calls them; None leaves that to skopeo.
    """
    place = Path(runner.build_root, path)
    other = place.with_name(f"{place.name}-{compression}")
    shutil.rmtree(other, ignore_errors=True)
    words = ["skopeo", "--insecure-policy", "copy", "--quiet"]
    subprocess.run(
        [*words, f"--dest-compress-format={compression}", f"oci:{place}", f"oci:{other}:app:1"],
        check=True,
    )
    shutil.rmtree(place)
    other.rename(place)
    if media_type is not None:
        _name_layers(place, media_type)


def _name_layers(place: Path, media_type: str) -> None:
    blobs, index = place / "blobs" / "sha256", json.loads((place / "index.json").read_bytes())
    (descriptor,) = index["manifests"]
    before = blobs / descriptor["digest"].partition(":")[2]
    manifest = json.loads(before.read_bytes())
    before.unlink()
    for layer in manifest["layers"]:
        layer["mediaType"] = media_type
    content = json.dumps(manifest).encode()
    digest = hashlib.sha256(content).hexdigest()
    (blobs / digest).write_bytes(content)
    descriptor.update(digest=f"sha256:{digest}", size=len(content))
    (place / "index.json").write_text(json.dumps(index), encoding="utf-8")


def rules() -> Iterable[object]:
    return (*collect_rules(), UnionRule(PackageFieldSet, LayoutFieldSet))
