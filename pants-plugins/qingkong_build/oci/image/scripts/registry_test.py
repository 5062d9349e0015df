"""Pushing to and fetching from a real registry, checked by skopeo."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import os
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import base_documents
import fetch_base
import push_layout
import pytest
import read_base
from loopback_registry import registry as loopback_registry
from registry import Registry, RegistryError, parse_reference

CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with loopback_registry(tmp_path_factory.mktemp("registry")) as address:
        yield address


def tar(text: str) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        info = tarfile.TarInfo("file")
        info.size = len(text)
        archive.addfile(info, io.BytesIO(text.encode()))
    return file.getvalue()


class Writer:
    """Writes a layout."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifests: list[dict[str, Any]] = []
        (folder / "blobs" / "sha256").mkdir(parents=True)
        (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}', encoding="utf-8")

    def blob(self, content: bytes, kind: str) -> dict[str, Any]:
        digest = hashlib.sha256(content).hexdigest()
        (self.folder / "blobs" / "sha256" / digest).write_bytes(content)
        return {"mediaType": kind, "digest": f"sha256:{digest}", "size": len(content)}

    def image(self, *layers: str, architecture: str = "amd64", **more: Any) -> dict[str, Any]:
        tars = [tar(layer) for layer in layers]
        config = {
            "architecture": architecture,
            "os": "linux",
            "rootfs": {
                "type": "layers",
                "diff_ids": [f"sha256:{hashlib.sha256(each).hexdigest()}" for each in tars],
            },
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self.blob(json.dumps(config).encode(), CONFIG),
            "layers": [self.blob(gzip.compress(each, mtime=0), LAYER) for each in tars],
            **more,
        }
        return self.blob(json.dumps(manifest).encode(), MANIFEST)

    def finish(self, *manifests: dict[str, Any]) -> push_layout.Layout:
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}
        (self.folder / "index.json").write_text(json.dumps(index), encoding="utf-8")
        return push_layout.Layout(str(self.folder))


def test_only_what_is_missing_is_sent(tmp_path: Path, host: str) -> None:
    one = Writer(tmp_path / "one")
    first = push_layout.push(one.finish(one.image("below", "above")), f"{host}/a/app:1", [])
    assert (first.sent, first.present) == (3, 0)
    again = push_layout.push(push_layout.Layout(str(tmp_path / "one")), f"{host}/a/app:2", [])
    assert (again.sent, again.present, again.size) == (0, 3, 0)
    two = Writer(tmp_path / "two")
    changed = push_layout.push(two.finish(two.image("below", "changed")), f"{host}/a/app:2", [])
    assert (changed.sent, changed.present) == (2, 1)
    told = subprocess.run(
        ["skopeo", "inspect", "--tls-verify=false", f"docker://{host}/a/app:2"],
        capture_output=True,
        check=True,
    )
    described = json.loads(told.stdout)
    assert len(described["Layers"]) == 2
    assert sorted(described["RepoTags"]) == ["1", "2"]


def test_what_refers_to_an_image_goes_with_it(tmp_path: Path, host: str) -> None:
    writer = Writer(tmp_path / "layout")
    image = writer.image("content")
    note = writer.image("note", subject=image, artifactType="application/vnd.example.note")
    layout = writer.finish(image, note)
    push_layout.push(layout, f"{host}/noted:1", [])
    registry = Registry(parse_reference(f"{host}/noted:1"))
    assert registry.manifest("1")[1] == image["digest"]
    assert registry.has("manifests", note["digest"])
    assert not registry.has("manifests", f"sha256:{'0' * 64}")


def test_cosign_finds_signatures_by_their_tag(tmp_path: Path, host: str) -> None:
    writer = Writer(tmp_path / "layout")
    image = writer.image("signed")
    tag = f"{image['digest'].replace(':', '-')}.sig"
    name = "org.opencontainers.image.ref.name"
    signature, note = (
        {**writer.image(text, subject=image), "annotations": {name: called}}
        for text, called in (("signature", tag), ("note", "1"))
    )
    push_layout.push(writer.finish(image, signature, note), f"{host}/signed:1", [])
    registry = Registry(parse_reference(f"{host}/signed:1"))
    assert registry.manifest(tag)[1] == signature["digest"]
    # A name that is none of cosign's must not take the image's tag.
    assert registry.manifest("1")[1] == image["digest"]


def test_one_registry_is_sent_each_blob_once(
    tmp_path: Path, host: str, capsys: pytest.CaptureFixture[str]
) -> None:
    writer = Writer(tmp_path / "layout")
    writer.finish(writer.image("sent once", "and this"))
    references = [f"{host}/{name}:1" for name in ("first/app", "second/app")]
    assert push_layout.main([str(tmp_path / "layout"), *references]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{references[0]}: sent 3 blobs, ")
    assert second.startswith(f"{references[1]}: sent 0 blobs, 0 bytes; 0 already present, 3 came")
    for reference in references:
        copied = tmp_path / reference.rsplit("/", 2)[1]
        subprocess.run(
            ["skopeo", "copy", "--src-tls-verify=false", f"docker://{reference}", f"dir:{copied}"],
            capture_output=True,
            check=True,
        )


def test_a_base_is_fetched_for_its_platform(
    tmp_path: Path, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = Writer(tmp_path / "layout")
    manifests = [
        {**writer.image(name, architecture=name), "platform": {"architecture": name, "os": "linux"}}
        for name in ("amd64", "arm64")
    ]
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}
    push_layout.push(
        writer.finish(writer.blob(json.dumps(index).encode(), INDEX)), f"{host}/base:1", []
    )
    monkeypatch.chdir(tmp_path)
    pinned = fetch_base.resolve(f"{host}/base:1", "", [])
    assert pinned.startswith(f"{host}/base@sha256:")
    assert fetch_base.main(["fetch", pinned, "--architecture=arm64"]) == 0
    base = json.loads(Path("base/base.json").read_text(encoding="utf-8"))
    assert base["config"]["architecture"] == "arm64"
    assert [layer["mediaType"] for layer in base["layers"]] == [LAYER]
    blob = Path("base/blobs/sha256", base["layers"][0]["digest"][len("sha256:") :])
    assert gzip.decompress(blob.read_bytes()) == tar("arm64")
    assert sorted(os.listdir("base/blobs/sha256")) == [blob.name]
    with pytest.raises(
        base_documents.BaseError, match="not there for linux/s390x, only for: amd64, arm"
    ) as error:
        fetch_base.fetch(pinned, "s390x", [])
    assert "or leave s390x out of the 'architectures' field" in str(error.value)


def test_a_layout_is_a_base_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = Writer(tmp_path / "layout")
    writer.finish(writer.image("one", "two"))
    monkeypatch.chdir(tmp_path)
    assert read_base.main(["--oci-layout", "layout"]) == 0
    base = json.loads(Path("base/base.json").read_text(encoding="utf-8"))
    assert len(base["layers"]) == 2
    for layer in base["layers"]:
        content = Path("base/blobs/sha256", layer["digest"][len("sha256:") :]).read_bytes()
        assert f"sha256:{hashlib.sha256(content).hexdigest()}" == layer["digest"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("127.0.0.1:5000/a/b:c", "127.0.0.1:5000/a/b:c"),
        ("example.org/a", "example.org/a:latest"),
        ("localhost/a:1", "localhost/a:1"),
        (f"example.org/a:1@sha256:{'0' * 64}", f"example.org/a@sha256:{'0' * 64}"),
        ("python:3.12", "example.net/library/python:3.12"),
        ("team/app:1", "example.net/team/app:1"),
    ],
)
def test_names(name: str, expected: str) -> None:
    assert str(parse_reference(name, "example.net")) == expected


def test_a_name_without_a_registry_says_what_to_do() -> None:
    with pytest.raises(RegistryError, match=r"'python:3.12' names no registry. .*default_registry"):
        parse_reference("python:3.12")
    with pytest.raises(RegistryError, match=r"'Example.org/UPPER' is no image name"):
        parse_reference("Example.org/UPPER")


def test_errors_say_what_was_asked_for(
    host: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(RegistryError, match=f"the registry {host} answers 404 to GET of none/"):
        fetch_base.resolve(f"{host}/none:1", "", [])
    with pytest.raises(
        RegistryError,
        match=r"the registry 127.0.0.1:9 does not answer GET of none/manifests/1: Connection",
    ):
        fetch_base.resolve("127.0.0.1:9/none:1", "", [])
    writer = Writer(tmp_path / "layout")
    images = [writer.image("a"), writer.image("b")]
    writer.finish(*images)
    assert push_layout.main([str(tmp_path / "layout"), f"{host}/two:1"]) == 1
    error = capsys.readouterr().err
    digests = ", ".join(each["digest"] for each in images)
    for part in (f"pushing {host}/two:1: ", f"has 2: {digests}. Fix: push a layout"):
        assert part in error


def test_a_blob_that_is_not_what_it_is_named_is_refused(tmp_path: Path, host: str) -> None:
    writer = Writer(tmp_path / "layout")
    layout = writer.finish(writer.image("content"))
    push_layout.push(layout, f"{host}/broken:1", [])
    registry = Registry(parse_reference(f"{host}/broken:1"))
    digest = next(
        each["digest"]
        for each in json.loads(layout.read(layout.manifests()[0]["digest"]))["layers"]
    )
    # Somebody changes the registry's disk.
    found = tmp_path.parent.glob(f"registry*/registry/**/{digest[len('sha256:') :]}/data")
    (stored,) = {path.resolve() for path in found}
    stored.write_bytes(b"something else")
    with pytest.raises(RegistryError, match=f"sent sha256:.* for broken@{digest}"):
        registry.download(digest, str(tmp_path / "blob"))
    assert not list(tmp_path.glob("blob*"))


def test_a_registry_that_wants_a_login(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The password is "password".
    login = "user:$2b$04$SzYMKLppwUl3sUmgPad6Mezq6iuad655Cxhi5mcgAdiSFUbDulM7e"
    writer = Writer(tmp_path / "layout")
    layout = writer.finish(writer.image("content"))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))

    def log_in(password: str, host: str) -> None:
        token = base64.b64encode(f"user:{password}".encode()).decode()
        config = {"auths": {host: {"auth": token}}}
        (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")

    with loopback_registry(tmp_path, login) as host:
        with pytest.raises(
            RegistryError, match=f"{host} wants a login for .*Fix: docker login {host}"
        ):
            push_layout.push(layout, f"{host}/private:1", [])
        log_in("wrong", host)
        with pytest.raises(RegistryError, match="answers 401 to HEAD of private/"):
            push_layout.push(layout, f"{host}/private:1", [])
        log_in("password", host)
        assert push_layout.push(layout, f"{host}/private:1", []).sent == 2
