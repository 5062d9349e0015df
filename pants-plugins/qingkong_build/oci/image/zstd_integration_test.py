"""Images whose layers are in zstd, judged by `zstd`, skopeo and a real registry."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import push_layout
import pytest
import zstd_layer
from loopback_registry import registry as loopback_registry
from pants.engine.addresses import Address
from pants.engine.internals.scheduler import ExecutionError
from pants.engine.target import InvalidFieldChoiceException
from pants.testutil.rule_runner import RuleRunner

from plugin_testing import machine, pex_images
from plugin_testing.pex_images import document, manifests, package
from qingkong_build.oci.image.documents import PACKED_LAYER_TYPES
from qingkong_build.oci.image.image_integration_test import base_layout
from qingkong_build.oci.image.target_types import CompressionField

GZIP, ZSTD = PACKED_LAYER_TYPES["gzip"], PACKED_LAYER_TYPES["zstd"]
TOOL = ("--image-zstd-install-from-resolve=image-tools", "--image-zstd-requirements=['zstandard']")
BUILD = """\
filesystem_layer(name="low", files={"/etc/low": "low"})
filesystem_layer(name="high", files={"/etc/high": "high"})
oci_image(name="gzip", base="nothing:1", layers=[":low"], repo_tags=["app:1"])
oci_image(
    name="zstd", base="nothing:1", layers=[":low"], repo_tags=["app:1"], compression="zstd"
)
oci_image(name="on-gzip", base=":gzip", layers=[":high"], compression="zstd")
oci_image(name="on-zstd", base=":zstd", layers=[":high"])
oci_image(
    name="both",
    base="nothing:1",
    layers=[":low"],
    compression="zstd",
    platforms=["linux/amd64", "linux/arm64"],
)
"""


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return base_layout(tmp_path_factory.mktemp("base") / "layout", "amd64", "arm64")


@pytest.fixture(scope="module")
def repository() -> RuleRunner:
    runner = pex_images.repository_with(locks=("image-tools.lock",))
    runner.write_files({"app/BUILD": BUILD})
    return runner


def built(runner: RuleRunner, base: str | Path, name: str, *more: str) -> dict[str, bytes]:
    """The files of an image on a base, which is a path, or a reference."""
    reference = f"oci:{base}" if isinstance(base, Path) else base
    named = "--image-assembly-base="
    options = pex_images.options(Path("/"), Path("/"), "image-tools")
    others = [option for option in options if not option.startswith(named)]
    machine.set_options(runner, [*others, f"{named}{reference}", *more])
    return package(runner, {}, name)


def kinds(manifest: Mapping[str, Any]) -> list[str]:
    return [layer["mediaType"] for layer in manifest["layers"]]


def write(files: Mapping[str, bytes], folder: Path, name: str) -> Path:
    """The layout in `folder`, with the archive beside it."""
    for path, content in files.items():
        file = folder.parent / path if path == f"app/{name}.tar" else folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return folder


def archived(files: Mapping[str, bytes], name: str) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(files[f"app/{name}.tar"])) as archive:
        return {x.name: archive.extractfile(x).read() for x in archive}  # type: ignore[union-attr]


def inspected(*words: str) -> dict[str, Any]:
    done = subprocess.run(["skopeo", "inspect", *words], check=True, stdout=subprocess.PIPE)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_the_own_layers_are_in_zstd(repository: RuleRunner, base: Path, tmp_path: Path) -> None:
    files, plain = built(repository, base, "zstd", *TOOL), built(repository, base, "gzip")
    manifest = manifests(files)["amd64"]
    assert kinds(manifest) == [GZIP, ZSTD]
    assert kinds(manifests(plain)["amd64"]) == [GZIP, GZIP]
    # What identifies the image are the tars.
    assert manifest["config"] == manifests(plain)["amd64"]["config"]
    packed = files[f"blobs/{manifest['layers'][1]['digest'].replace(':', '/')}"]
    tar = subprocess.run(["zstd", "-dc"], input=packed, capture_output=True, check=True).stdout
    diff_ids = document(files, manifest["config"]["digest"])["rootfs"]["diff_ids"]
    assert f"sha256:{hashlib.sha256(tar).hexdigest()}" == diff_ids[1]
    # And what skopeo unpacks, which it names by what it is.
    layout, unpacked = write(files, tmp_path / "oci", "zstd"), tmp_path / "unpacked"
    words = ["skopeo", "--insecure-policy", "copy", "--quiet", "--dest-decompress"]
    subprocess.run([*words, f"oci:{layout}:app:1", f"dir:{unpacked}"], check=True)
    assert {each.partition(":")[2] for each in diff_ids} <= {x.name for x in unpacked.iterdir()}


def test_the_archive_is_for_every_engine(
    repository: RuleRunner, base: Path, tmp_path: Path
) -> None:
    """Its layers have gzip; of an image with gzip, it is the same as ever."""
    files, plain = built(repository, base, "zstd", *TOOL), built(repository, base, "gzip")
    assert archived(files, "zstd") == archived(plain, "gzip")
    write(files, tmp_path / "oci", "zstd")
    found = inspected(f"docker-archive:{tmp_path / 'app/zstd.tar'}")
    assert (
        found["Layers"]
        == document(plain, manifests(plain)["amd64"]["config"]["digest"])["rootfs"]["diff_ids"]
    )


def test_each_platform(repository: RuleRunner, base: Path) -> None:
    files = built(repository, base, "both", *TOOL)
    assert {name: kinds(each) for name, each in manifests(files).items()} == {
        "amd64": [GZIP, ZSTD],
        "arm64": [GZIP, ZSTD],
    }


def test_layers_of_a_parent_are_as_the_parent_says(repository: RuleRunner, base: Path) -> None:
    """So that a registry which has the parent gets them not again."""
    child = manifests(built(repository, base, "on-gzip", *TOOL))["amd64"]
    parent = manifests(built(repository, base, "gzip"))["amd64"]
    assert kinds(child) == [GZIP, GZIP, ZSTD]
    assert child["layers"][:2] == parent["layers"]
    child = manifests(built(repository, base, "on-zstd", *TOOL))["amd64"]
    assert kinds(child) == [GZIP, ZSTD, GZIP]


def test_pushed_and_taken_as_a_base(repository: RuleRunner, base: Path, tmp_path: Path) -> None:
    """From a registry and from a layout, it is a base as any other, and its layers are kept."""
    files = built(repository, base, "zstd", *TOOL)
    below = manifests(files)["amd64"]
    layout = write(files, tmp_path / "oci", "zstd")
    with loopback_registry(tmp_path) as host:
        reference = f"{host}/team/app:1"
        assert push_layout.main([str(layout), reference]) == 0
        copied = tmp_path / "copied"
        words = ["skopeo", "--insecure-policy", "copy", "--quiet", "--src-tls-verify=false"]
        subprocess.run([*words, f"docker://{reference}", f"dir:{copied}"], check=True)
        assert json.loads((copied / "manifest.json").read_text()) == below
        above = built(repository, reference, "gzip", *TOOL)
    manifest = manifests(above)["amd64"]
    assert manifest["layers"][:2] == below["layers"]
    assert kinds(manifest) == [GZIP, ZSTD, GZIP]
    assert above == built(repository, layout, "gzip", *TOOL)


@pytest.mark.parametrize("name", ["zstd", "gzip"])
def test_no_resolve_has_zstandard(
    repository: RuleRunner, base: Path, tmp_path: Path, name: str
) -> None:
    """An image in zstd, or one with gzip on a base in zstd."""
    if name == "gzip":
        base = write(built(repository, base, "zstd", *TOOL), tmp_path / "oci", "zstd")
    with pytest.raises(ExecutionError) as error:
        built(repository, base, name)
    for part in ("[image-zstd].install_from_resolve is not set", "requirements = ['zstandard']"):
        assert part in str(error.value)


def test_another_compression() -> None:
    with pytest.raises(InvalidFieldChoiceException) as error:
        CompressionField("lz4", Address("app", target_name="oci"))
    for part in ("app:oci", "'compression'", "lz4", "gzip", "zstd"):
        assert part in str(error.value)


def test_the_help_says_the_level() -> None:
    assert f"`zstd` (level {zstd_layer.LEVEL})" in " ".join(str(CompressionField.help).split())
