"""Images assembled by Pants' engine, on bases from a layout and from a real registry."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import push_layout
import pytest
from loopback_registry import registry as loopback_registry
from pants.backend.python import target_types_rules
from pants.core.goals.package import BuiltPackage
from pants.core.target_types import GenericTarget
from pants.engine.addresses import Address
from pants.engine.fs import Digest, DigestContents
from pants.engine.internals.scheduler import ExecutionError
from pants.testutil.rule_runner import QueryRule, RuleRunner

from plugin_testing import machine
from qingkong_build.oci.image import register
from qingkong_build.oci.image.layout import OciImageFieldSet
from qingkong_build.oci.layers import register as layers_backend

BUILD = """\
filesystem_layer(name="layer", files={"/etc/app": "content"})
oci_image(
    name="oci",
    base="nothing:1",
    layers=[":layer"],
    user="10001:10001",
    cmd=["true"],
    annotations={"org.example.a": "b"},
    repo_tags=["app:1"],
)
"""


def with_fields(**fields: object) -> str:
    """The build with more fields for its image."""
    more = "".join(f"    {name}={value!r},\n" for name, value in fields.items())
    return BUILD.replace('    base="nothing:1",\n', f'    base="nothing:1",\n{more}')


BASE = "the base of the tests"
TWO = with_fields(platforms=["linux/amd64", "linux/arm64"])


def base_layout(folder: Path, *architectures: str) -> Path:
    """A base of one layer for each processor, as an OCI layout."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def blob(content: bytes, kind: str) -> dict[str, Any]:
        digest = hashlib.sha256(content).hexdigest()
        (blobs / digest).write_bytes(content)
        return {"mediaType": kind, "digest": f"sha256:{digest}", "size": len(content)}

    kind = "application/vnd.oci.image"
    manifests = []
    for architecture in architectures:
        file = io.BytesIO()
        with tarfile.open(fileobj=file, mode="w") as archive:
            archive.addfile(tarfile.TarInfo(f"base-{architecture}"))
            for name, mode in (("tmp", 0o1777), ("etc", 0o755)):
                directory = tarfile.TarInfo(name)
                directory.type, directory.mode = tarfile.DIRTYPE, mode
                archive.addfile(directory)
        config = {
            "architecture": architecture,
            "os": "linux",
            **({"variant": "v8"} if architecture == "arm64" else {}),
            "created": "2026-01-02T03:04:05Z",
            "config": {"Env": ["PATH=/bin"]},
            "rootfs": {
                "type": "layers",
                "diff_ids": [f"sha256:{hashlib.sha256(file.getvalue()).hexdigest()}"],
            },
        }
        layer = blob(gzip.compress(file.getvalue(), mtime=0), f"{kind}.layer.v1.tar+gzip")
        manifest = {
            "schemaVersion": 2,
            "mediaType": f"{kind}.manifest.v1+json",
            "config": blob(json.dumps(config).encode(), f"{kind}.config.v1+json"),
            "layers": [layer],
        }
        platform = {name: config[name] for name in ("architecture", "os")}
        described = blob(json.dumps(manifest).encode(), f"{kind}.manifest.v1+json")
        manifests.append({**described, "platform": platform})
    named = {"annotations": {"org.opencontainers.image.ref.name": "base"}}
    if len(manifests) == 1:
        top = {**manifests[0], **named}
    else:
        index = {"schemaVersion": 2, "mediaType": f"{kind}.index.v1+json", "manifests": manifests}
        top = {**blob(json.dumps(index).encode(), f"{kind}.index.v1+json"), **named}
    index = {"schemaVersion": 2, "manifests": [top]}
    (folder / "index.json").write_text(json.dumps(index), encoding="utf-8")
    (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}', encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return base_layout(tmp_path_factory.mktemp("base") / "layout", "amd64")


@pytest.fixture(scope="module")
def base_for_two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return base_layout(tmp_path_factory.mktemp("base_for_two") / "layout", "amd64", "arm64")


@pytest.fixture
def repository() -> RuleRunner:
    runner = RuleRunner(
        rules=[
            *target_types_rules.rules(),
            *register.rules(),
            *layers_backend.rules(),
            QueryRule(BuiltPackage, [OciImageFieldSet]),
            QueryRule(DigestContents, [Digest]),
        ],
        target_types=[
            *register.target_types(),
            *layers_backend.target_types(),
            GenericTarget,
        ],
    )
    runner.write_files({"app/BUILD": BUILD})
    return runner


def package(
    runner: RuleRunner, reference: str, *options: str, build: str | None = None
) -> dict[str, bytes]:
    """The files of the image on a base of this name."""
    if build is not None:
        runner.write_files({"app/BUILD": build})
    machine.set_options(
        runner,
        [
            "--python-interpreter-constraints=['CPython==3.9.*']",
            *([f"--image-assembly-base={reference}"] if reference else []),
            *options,
        ],
    )
    target = runner.get_target(Address("app", target_name="oci"))
    built = runner.request(BuiltPackage, [OciImageFieldSet.create(target)])
    contents = runner.request(DigestContents, [built.digest])
    return {file.path: file.content for file in contents}


def manifest_of(files: dict[str, bytes]) -> dict[str, Any]:
    index = json.loads(files["app/oci/index.json"])
    (digest,) = {each["digest"] for each in index["manifests"]}
    manifest: dict[str, Any] = json.loads(files[f"app/oci/blobs/{digest.replace(':', '/')}"])
    return manifest


def image_id(files: dict[str, bytes]) -> str:
    return str(manifest_of(files)["config"]["digest"])


def test_the_source_of_the_base_makes_no_difference(
    repository: RuleRunner, base: Path, tmp_path: Path
) -> None:
    from_layout = package(repository, f"oci:{base}")
    config = json.loads(from_layout[f"app/oci/blobs/{image_id(from_layout).replace(':', '/')}"])
    assert config["config"] == {"Env": ["PATH=/bin"], "User": "10001:10001", "Cmd": ["true"]}
    assert len(config["rootfs"]["diff_ids"]) == 2
    assert manifest_of(from_layout)["annotations"] == {
        "io.qingkong.image.base-layers": "1",
        "org.example.a": "b",
    }
    with tarfile.open(fileobj=io.BytesIO(from_layout["app/oci.tar"])) as archive:
        assert {"index.json", "manifest.json", "oci-layout"} <= set(archive.getnames())
    with loopback_registry(tmp_path) as host:
        subprocess.run(
            [
                "skopeo",
                "copy",
                "--quiet",
                "--dest-tls-verify=false",
                f"oci:{base}:base",
                f"docker://{host}/team/base:1",
            ],
            check=True,
        )
        from_registry = package(repository, f"{host}/team/base:1")
        by_default = package(repository, "team/base:1", f"--image-assembly-default-registry={host}")
    assert from_registry == from_layout
    assert by_default == from_layout


LAYERS = """\
filesystem_layer(
    name="system", directories={"/data": "10001:10001 0750"}, files={"/tmp/x": "", "/new/y": ""}
)
filesystem_layer(name="layer", files={"/data/x": "", "/data/more/y": "", "/etc/z": ""})
filesystem_layer(name="other", directories={"/data": "0:0 0755"})
"""


def ours(files: dict[str, bytes]) -> list[list[str]]:
    """What `tar -tv` would say of each of our layers."""
    found = []
    for layer in manifest_of(files)["layers"][1:]:
        content = files[f"app/oci/blobs/{layer['digest'].replace(':', '/')}"]
        with tarfile.open(fileobj=io.BytesIO(gzip.decompress(content))) as archive:
            found.append([f"{x.name} {x.uid}:{x.gid} {x.mode:o}" for x in archive])
    return found


def build_of(*layers: str) -> str:
    """An image of these layers of `LAYERS`."""
    build = BUILD.replace('filesystem_layer(name="layer", files={"/etc/app": "content"})\n', LAYERS)
    return build.replace('layers=[":layer"]', f"layers={[f':{layer}' for layer in layers]}")


def test_directories_keep_what_the_layers_below_say(repository: RuleRunner, base: Path) -> None:
    assert ours(package(repository, f"oci:{base}", build=build_of("system", "layer"))) == [
        ["new 0:0 755", "tmp 0:0 1777", "data 10001:10001 750", "new/y 0:0 644", "tmp/x 0:0 644"],
        [
            "data 10001:10001 750",
            "data/more 0:0 755",
            "etc 0:0 755",
            "data/more/y 0:0 644",
            "data/x 0:0 644",
            "etc/z 0:0 644",
        ],
    ]


def test_two_declarations_that_disagree(repository: RuleRunner, base: Path) -> None:
    with pytest.raises(ExecutionError) as error:
        package(repository, f"oci:{base}", build=build_of("system", "other"))
    message = str(error.value)
    for part in ("app:oci", "'/data'", "app/system.tar", "app/other.tar", "'0:0 0755'", "Fix: "):
        assert part in message


CHILD = """\
filesystem_layer(name="more", files={"/data/more": ""})
oci_image(name="oci", base=":parent", layers=[":more"], env={"CHILD": "1"})
"""


def test_a_parent_in_the_repository_is_an_input(repository: RuleRunner, base: Path) -> None:
    """No engine is asked for it: an edit of the parent is in the child at once."""
    build = build_of("system").replace('name="oci"', 'name="parent"') + CHILD
    files = package(repository, f"oci:{base}", build=build)
    assert ours(files) == [
        ["new 0:0 755", "tmp 0:0 1777", "data 10001:10001 750", "new/y 0:0 644", "tmp/x 0:0 644"],
        ["data 10001:10001 750", "data/more 0:0 644"],
    ]
    config = json.loads(files[f"app/oci/blobs/{image_id(files).replace(':', '/')}"])["config"]
    assert config == {
        "Env": ["PATH=/bin", "CHILD=1"],
        "User": "10001:10001",
        "Cmd": ["true"],
    }
    edited = build.replace('"/new/y": ""', '"/new/z": ""')
    assert edited != build
    lower, upper = ours(package(repository, f"oci:{base}", build=edited))
    assert "new/z 0:0 644" in lower
    assert upper == ["data 10001:10001 750", "data/more 0:0 644"]


def inspected(reference: str, architecture: str) -> dict[str, Any]:
    """What skopeo says of an image for a processor: it reads the index."""
    words = ["skopeo", f"--override-arch={architecture}", "--override-os=linux", "inspect"]
    done = subprocess.run(
        [*words, "--tls-verify=false", reference], check=True, stdout=subprocess.PIPE
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_an_index_for_two_processors(
    repository: RuleRunner, base: Path, base_for_two: Path, tmp_path: Path
) -> None:
    alone = package(repository, f"oci:{base_for_two}")
    files = package(repository, f"oci:{base_for_two}", build=TWO)
    repository.write_files({"app/BUILD": BUILD})
    # Of one processor nothing else is said than without the field, which has no index.
    assert image_id(package(repository, f"oci:{base}")) == image_id(alone)
    (top,) = json.loads(files["app/oci/index.json"])["manifests"]
    assert top["mediaType"] == "application/vnd.oci.image.index.v1+json"
    index = json.loads(files[f"app/oci/blobs/{top['digest'].replace(':', '/')}"])
    assert [each["platform"] for each in index["manifests"]] == [
        {"architecture": "amd64", "os": "linux"},
        {"architecture": "arm64", "os": "linux", "variant": "v8"},
    ]
    for path, content in files.items():
        if path.startswith("app/oci/"):
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_bytes(content)
    (tmp_path / "oci.tar").write_bytes(files["app/oci.tar"])
    images = [
        {
            architecture: inspected(f"{kind}:{tmp_path / path}", architecture)
            for architecture in ("amd64", "arm64")
        }
        for kind, path in (("oci", "app/oci"), ("oci-archive", "oci.tar"))
    ]
    assert images[0] == images[1]
    assert [each["Architecture"] for each in images[0].values()] == ["amd64", "arm64"]
    lower, upper = zip(*(each["Layers"] for each in images[0].values()))
    # Each is on its own base; the layer of files is for both.
    assert lower[0] != lower[1]
    assert upper[0] == upper[1]
    with tarfile.open(tmp_path / "oci.tar") as archive:
        loaded = json.load(archive.extractfile("manifest.json"))  # type: ignore[arg-type]
    # An engine that knows no index gets the first.
    (engine,) = loaded
    assert engine["Config"].rpartition("/")[2] == image_id(alone).partition(":")[2]


def test_both_are_pushed(repository: RuleRunner, base_for_two: Path, tmp_path: Path) -> None:
    files = package(repository, f"oci:{base_for_two}", build=TWO)
    for path, content in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    with loopback_registry(tmp_path) as host:
        reference = f"{host}/team/app:1"
        assert push_layout.main([str(tmp_path / "app/oci"), reference]) == 0
        (top,) = json.loads(files["app/oci/index.json"])["manifests"]
        images = [inspected(f"docker://{reference}", each) for each in ("amd64", "arm64")]
        assert [each["Architecture"] for each in images] == ["amd64", "arm64"]
        assert {each["Digest"] for each in images} == {top["digest"]}


@pytest.mark.parametrize(
    ("build", "reference", "options", "message"),
    [
        (BUILD, "oci:relative", (), "base=oci:relative: the path is not absolute. Fix: "),
        (BUILD, "oci:/nothing", (), "/nothing is no whole OCI layout"),
        (BUILD, "docker-archive:/nothing.tar", (), "the base /nothing.tar is not there"),
        (BUILD, "team/base:1", (), "'team/base:1' names no registry"),
        (
            BUILD,
            f"no-such-image:{os.getpid()}",
            ("--image-assembly-base-source=engine",),
            "the container engine of this machine does not have it. Fix: pull it, or set",
        ),
        (
            BUILD,
            "team/base:1",
            ("--image-assembly-base-source=registry",),
            "base=team/base:1: its registry: ",
        ),
        (BUILD.replace('":layer"', '":none"'), BASE, (), "app:none"),
        (
            BUILD.replace('":layer"', '":oci"'),
            BASE,
            (),
            "cycle",
        ),
        (
            f"{BUILD}target(name='file')".replace('":layer"', '":file"'),
            BASE,
            (),
            "The 'layers' field in target app:oci is 'app:file': `pants package` makes 0 tar files",
        ),
        (
            BUILD.replace('"nothing:1"', '":layer"'),
            "",
            (),
            "The 'base' field in target app:oci is ':layer': app:layer is no `oci_image`. Fix: ",
        ),
        (
            with_fields(env={"A": "${APP}"}),
            BASE,
            (),
            "app:oci: env={'A': '${APP}'}: the base has no variable 'APP'. Fix: ",
        ),
    ],
)
def test_errors(
    repository: RuleRunner,
    base: Path,
    build: str,
    reference: str,
    options: tuple[str, ...],
    message: str,
) -> None:
    with pytest.raises(ExecutionError) as error:
        package(repository, reference.replace(BASE, f"oci:{base}"), *options, build=build)
    assert message in str(error.value)
