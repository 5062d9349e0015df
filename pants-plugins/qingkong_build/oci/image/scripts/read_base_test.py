"""Bases that are malformed or hostile: one error each, and nothing is written outside."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import read_base
import read_layers
import zstandard
import zstd_layer

KIND = "application/vnd.oci.image"
PLAIN = b"\0" * 1024


class Layout:
    """A layout of one image with one layer; a test changes its parts before it is written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.blobs = folder / "blobs" / "sha256"
        self.blobs.mkdir(parents=True)
        self.layer = self.blob(gzip.compress(PLAIN, mtime=0), "layer.v1.tar+gzip")
        self.config: dict[str, Any] = {
            "architecture": "amd64",
            "os": "linux",
            "rootfs": {
                "type": "layers",
                "diff_ids": [f"sha256:{hashlib.sha256(PLAIN).hexdigest()}"],
            },
        }
        self.described: dict[str, Any] = {}
        self.more: dict[str, Any] = {}

    def blob(self, content: bytes, kind: str) -> dict[str, Any]:
        digest = hashlib.sha256(content).hexdigest()
        (self.blobs / digest).write_bytes(content)
        return {
            "mediaType": f"{KIND}.{kind}",
            "digest": f"sha256:{digest}",
            "size": len(content),
        }

    def write(self) -> str:
        config = self.blob(json.dumps(self.config).encode(), "config.v1+json")
        manifest = {"config": config, "layers": [{**self.layer}], **self.more}
        described = self.blob(json.dumps(manifest).encode(), "manifest.v1+json")
        index = {"manifests": [{**described, **self.described}]}
        (self.folder / "index.json").write_text(json.dumps(index))
        return str(self.folder)

    def rewrite(self, descriptor: dict[str, Any], content: bytes) -> None:
        """Put other bytes where the blob of a descriptor is."""
        (self.blobs / descriptor["digest"].partition(":")[2]).write_bytes(content)


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    sandbox = tmp_path / "sandbox"
    sandbox.mkdir()
    monkeypatch.chdir(sandbox)
    return Layout(tmp_path / "layout")


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_a_layout_is_read(layout: Layout) -> None:
    assert read_base.main(["--oci-layout", layout.write()]) == 0
    base = json.loads(Path("base/base.json").read_text())
    assert base["config"] == layout.config
    assert os.listdir("base/blobs/sha256") == [layout.layer["digest"].partition(":")[2]]


def test_a_layer_in_zstd_is_kept_as_it_is(
    layout: Layout, capsys: pytest.CaptureFixture[str]
) -> None:
    layout.layer = layout.blob(zstandard.compress(PLAIN), "layer.v1.tar+zstd")
    assert read_base.main(["--oci-layout", layout.write()]) == 0
    assert json.loads(Path("base/base.json").read_text())["layers"] == [layout.layer]
    (name,) = os.listdir("base/blobs/sha256")
    blob = Path("base/blobs/sha256", name)
    assert blob.read_bytes() == zstandard.compress(PLAIN)
    assert read_layers.main(["base", str(blob)]) == 0
    assert "directories" in json.loads(capsys.readouterr().out)


def test_without_what_reads_zstd_nothing_is_copied(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zstd_layer, "is_readable", lambda: False)
    layout.layer = layout.blob(zstandard.compress(PLAIN), "layer.v1.tar+zstd")
    assert read_base.main(["--oci-layout", layout.write()]) == 0
    assert json.loads(Path("base/base.json").read_text()) == read_base.NEEDS_ZSTD
    assert os.listdir("base/blobs/sha256") == []


def layer(**fields: Any) -> Callable[[Layout], None]:
    return lambda layout: layout.layer.update(fields)


def config(**fields: Any) -> Callable[[Layout], None]:
    return lambda layout: layout.config.update(fields)


def described(**fields: Any) -> Callable[[Layout], None]:
    return lambda layout: layout.described.update(fields)


def more(**fields: Any) -> Callable[[Layout], None]:
    return lambda layout: layout.more.update(fields)


def other_zstd(content: bytes) -> Callable[[Layout], None]:
    return lambda layout: layout.layer.update(layout.blob(content, "layer.v1.tar+zstd"))


def other_bytes(content: bytes) -> Callable[[Layout], None]:
    return lambda layout: layout.rewrite(layout.layer, content)


def other_gzip(content: bytes) -> Callable[[Layout], None]:
    return lambda layout: layout.layer.update(layout.blob(content, "layer.v1.tar+gzip"))


OUTSIDE = "../../../../outside"
DIFF_ID = f"sha256:{'0' * 64}"


@pytest.mark.parametrize(
    ("change", "field", "value"),
    [
        (layer(digest=f"sha256:{OUTSIDE}"), "digest", f"sha256:{OUTSIDE}"),
        (layer(digest=f"{OUTSIDE}:x"), "digest", OUTSIDE),
        (layer(digest="sha256:/outside"), "digest", "/outside"),
        (layer(digest=f"sha256:{'A' * 64}"), "digest", "AAAA"),
        (layer(digest=f"sha256:{'0' * 64}\n"), "digest", "0000"),
        (layer(digest=None), "digest", "None"),
        (layer(digest=f"sha512:{'0' * 128}"), "digest", "sha512"),
        (layer(size="9"), "size", "'9'"),
        (layer(size=True), "size", "True"),
        (layer(size=3), "size", "3"),
        (layer(mediaType=None), "mediaType", "None"),
        (layer(digest=DIFF_ID), "digest", DIFF_ID),
        (described(digest=f"sha256:{OUTSIDE}"), "digest", OUTSIDE),
        (described(size=1), "size", "1"),
        (described(size=10**9), "size", str(10**9)),
        (described(mediaType=7), "mediaType", "7"),
        (more(config={"digest": f"sha256:{OUTSIDE}", "size": 1}), "digest", OUTSIDE),
        (more(config=[]), "config", "[]"),
        (more(layers={}), "layers", "{}"),
        (more(layers=["x"]), "layers", "'x'"),
        (config(rootfs=None), "rootfs", "None"),
        (config(rootfs={"diff_ids": []}), "diff_ids", "[]"),
        (config(rootfs={"diff_ids": [DIFF_ID]}), "diff_ids", DIFF_ID),
        (config(rootfs={"diff_ids": ["x"]}), "digest", "'x'"),
        (config(os="windows"), "os", "'windows'"),
        (config(architecture="arm64"), "architecture", "'arm64'"),
        (other_bytes(b"x" * 31), "size", ""),
        (other_gzip(b"no gzip"), "layer", "is not gzip"),
        (other_gzip(gzip.compress(b"other")), "diff_ids", "the layer unpacks to"),
        (other_gzip(gzip.compress(PLAIN)[:-9]), "layer", "is not gzip"),
        (other_zstd(b"no zstd"), "layer", "is not zstd"),
        (other_zstd(zstandard.compress(b"other")), "diff_ids", "the layer unpacks to"),
        (other_zstd(zstandard.compress(PLAIN)[:-3]), "diff_ids", "the layer unpacks to"),
    ],
)
def test_each_fault_is_one_error_and_writes_nothing_outside(
    layout: Layout,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: Callable[[Layout], None],
    field: str,
    value: str,
) -> None:
    change(layout)
    path = layout.write()
    # What a digest that leads elsewhere would find, and where it would write.
    (tmp_path / "outside").write_bytes(gzip.compress(PLAIN, mtime=0))
    before = files(tmp_path)
    assert read_base.main(["--oci-layout", path]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("oci_image: ")
    assert path in line
    assert field in line
    assert value in line
    assert "Fix: " in line
    written = files(tmp_path) - before
    assert {name for name in written if not name.startswith("sandbox/base")} == set()
    assert not Path("base/base.json").exists()


def test_documents_that_are_none(layout: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    path = Path(layout.write())
    for content in ("[]", "x", "[" * 100_000, '{"manifests": {}}', '{"manifests": [3]}'):
        (path / "index.json").write_text(content)
        assert read_base.main(["--oci-layout", str(path)]) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert str(path) in line
        assert "Fix: " in line


def test_an_index_that_never_ends(layout: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    inner = layout.blob(json.dumps({"manifests": []}).encode(), "index.v1+json")
    for _ in range(6):
        inner = layout.blob(json.dumps({"manifests": [inner]}).encode(), "index.v1+json")
    layout.write()
    (layout.folder / "index.json").write_text(json.dumps({"manifests": [inner]}))
    assert read_base.main(["--oci-layout", str(layout.folder)]) == 1
    assert "indexes within indexes" in capsys.readouterr().err


def archive(folder: Path, documents: dict[str, bytes]) -> str:
    path = folder / "archive.tar"
    with tarfile.open(path, "w") as tar:
        for name, content in documents.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return str(path)


@pytest.mark.parametrize(
    ("manifest", "value"),
    [
        ([{"Config": "absent.json", "Layers": []}], "absent.json"),
        ([{"Config": 7, "Layers": []}], "7"),
        ([{"Config": "c.json", "Layers": "x"}], "'x'"),
        ([{"Config": "c.json", "Layers": ["absent/layer.tar"]}], "absent/layer.tar"),
        ([{"Config": "c.json", "Layers": [["a"]]}], "['a']"),
        ([{"Config": "c.json", "Layers": []}], "diff_ids"),
        ([{}], "Config"),
        (["x"], "'x'"),
        ({}, "{}"),
    ],
)
def test_archives_that_are_malformed(
    layout: Layout,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    manifest: object,
    value: str,
) -> None:
    path = archive(
        tmp_path,
        {
            "manifest.json": json.dumps(manifest).encode(),
            "c.json": json.dumps(layout.config).encode(),
            "../outside/layer.tar": PLAIN,
        },
    )
    before = files(tmp_path)
    assert read_base.main(["--docker-archive", path]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert value in line
    assert "Fix: " in line
    assert {x for x in files(tmp_path) - before if not x.startswith("sandbox/base")} == set()


def test_an_archive_for_another_processor(
    layout: Layout, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    documents = {
        "manifest.json": json.dumps([{"Config": "c.json", "Layers": ["a/layer.tar"]}]).encode(),
        "c.json": json.dumps(layout.config).encode(),
        "a/layer.tar": PLAIN,
    }
    path = archive(tmp_path, documents)
    assert read_base.main(["--docker-archive", path]) == 0
    assert read_base.main(["--docker-archive", path, "--architecture=arm64"]) == 1
    line = capsys.readouterr().err
    assert "architecture='amd64': the image has to be for arm64" in line


def archived(*entries: tuple[str, str, str]) -> bytes:
    """A layer of directories (owner and mode) and links (target)."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for kind, name, value in entries:
            info = tarfile.TarInfo(name)
            if kind == "link":
                info.type, info.linkname = tarfile.SYMTYPE, value
            else:
                owner, _, mode = value.partition(" ")
                info.type, info.mode = tarfile.DIRTYPE, int(mode, 8)
                info.uid, info.gid = map(int, owner.split(":"))
            tar.addfile(info)
    return buffer.getvalue()


def offered(tmp_path: Path, config: dict[str, Any], layers: list[bytes]) -> str:
    """An engine's offer of an image with these layers; the upper ones come first in its archive."""
    names = [f"{number}/layer.tar" for number in range(len(layers))]
    documents = {
        **dict(reversed(list(zip(names, layers)))),
        "manifest.json": json.dumps([{"Config": "c.json", "Layers": names}]).encode(),
        "c.json": json.dumps(config).encode(),
    }
    path = archive(tmp_path, documents)
    program = "import shutil, sys; shutil.copyfileobj(open(sys.argv[1], 'rb'), sys.stdout.buffer)"
    offer = {"argv": [sys.executable, "-c", program, path], "env": {}, "stdin": ""}
    (tmp_path / "offer").write_text(json.dumps(offer))
    return str(tmp_path / "offer")


LAYERS = [
    archived(("link", "lib", "usr/lib"), ("directory", "tmp", "0:0 1777")),
    # The last blocks of an archive are more than its end.
    archived(("directory", "srv", "7:7 0750"), ("directory", "tmp", "0:0 0755")) + bytes(10240),
]


def test_what_an_engine_offers_is_read_without_a_copy(
    layout: Layout, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same as is read of the compressed layers, and nothing is written."""
    diff_ids = [f"sha256:{hashlib.sha256(each).hexdigest()}" for each in LAYERS]
    layout.config["rootfs"]["diff_ids"] = diff_ids
    offer = offered(tmp_path, layout.config, LAYERS)
    before = files(tmp_path)
    assert read_base.main(["--offer", offer, "--image", "sha256:1", "--tree"]) == 0
    tree = capsys.readouterr().out
    assert files(tmp_path) == before
    assert json.loads(tree)["directories"] == {"srv": "7:7 0750"}
    assert json.loads(tree)["links"] == {"lib": "usr/lib"}
    assert read_base.main(["--offer", offer, "--image", "sha256:1"]) == 0
    base = json.loads(Path("base", "base.json").read_text())
    blobs = [f"base/blobs/sha256/{each['digest'].partition(':')[2]}" for each in base["layers"]]
    assert read_layers.main(["base", *blobs]) == 0
    assert capsys.readouterr().out == tree


def test_a_layer_of_an_engine_that_is_another(
    layout: Layout, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    diff_id = f"sha256:{hashlib.sha256(b'').hexdigest()}"
    layout.config["rootfs"]["diff_ids"] = [diff_id]
    offer = offered(tmp_path, layout.config, LAYERS[:1])
    assert read_base.main(["--offer", offer, "--image", "sha256:1", "--tree"]) == 1
    line = capsys.readouterr().err
    for part in ("0/layer.tar", hashlib.sha256(LAYERS[0]).hexdigest(), diff_id):
        assert part in line
