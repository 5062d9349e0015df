"""Image layouts: a small base to build on, and what a build wrote."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import subprocess
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_IMAGE = "application/vnd.oci.image"


#: What the base is for.
ARCHITECTURES = ("amd64", "arm64")


def small_base(folder: Path) -> str:
    """Write a layout with a base of one file for each processor; the digest of its index.

    It is the same bytes everywhere.
    """
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def blob(content: bytes, kind: str) -> dict[str, Any]:
        digest = hashlib.sha256(content).hexdigest()
        (blobs / digest).write_bytes(content)
        return {"mediaType": kind, "digest": f"sha256:{digest}", "size": len(content)}

    def document(content: object, kind: str) -> dict[str, Any]:
        return blob(json.dumps(content, sort_keys=True).encode(), kind)

    def image(architecture: str) -> dict[str, Any]:
        plain = io.BytesIO()
        with tarfile.open(fileobj=plain, mode="w", format=tarfile.USTAR_FORMAT) as archive:
            archive.addfile(tarfile.TarInfo(f"etc/base-{architecture}"))
        platform = {"architecture": architecture, "os": "linux"}
        config = document(
            {
                **platform,
                "created": "2023-11-14T22:13:20Z",
                "config": {"Env": ["PATH=/usr/local/bin:/usr/bin:/bin"]},
                "rootfs": {
                    "type": "layers",
                    "diff_ids": [f"sha256:{hashlib.sha256(plain.getvalue()).hexdigest()}"],
                },
            },
            f"{_IMAGE}.config.v1+json",
        )
        # Stored, so that no version of zlib has a say in it.
        layer = blob(gzip.compress(plain.getvalue(), 0, mtime=0), f"{_IMAGE}.layer.v1.tar+gzip")
        manifest = {
            "schemaVersion": 2,
            "mediaType": f"{_IMAGE}.manifest.v1+json",
            "config": config,
            "layers": [layer],
        }
        return {**document(manifest, f"{_IMAGE}.manifest.v1+json"), "platform": platform}

    both = document(
        {
            "schemaVersion": 2,
            "mediaType": f"{_IMAGE}.index.v1+json",
            "manifests": [image(each) for each in ARCHITECTURES],
        },
        f"{_IMAGE}.index.v1+json",
    )
    index = {"schemaVersion": 2, "manifests": [both]}
    (folder / "index.json").write_text(json.dumps(index), encoding="utf-8")
    (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}', encoding="utf-8")
    return str(both["digest"])


@dataclass(frozen=True)
class Layout:
    """A layout as it was when it was read. `layers` are sizes in bytes by digest, lowest first."""

    folder: Path
    manifest: str
    layers: Mapping[str, int]

    @classmethod
    def read(cls, root: Path, place: str = "deploy") -> Layout:
        """What `pants package deploy:oci` wrote below `root`, or that of another folder."""
        folder = root / "dist" / place.replace("/", ".") / "oci"
        (digest,) = {each["digest"] for each in _document(folder / "index.json")["manifests"]}
        return cls._image(folder, digest)

    @classmethod
    def read_index(cls, root: Path) -> dict[str, Layout]:
        """What `pants package deploy:multi` wrote below `root`, by processor."""
        folder = root / "dist" / "deploy" / "multi"
        (digest,) = {each["digest"] for each in _document(folder / "index.json")["manifests"]}
        index = _document(folder / "blobs" / digest.replace(":", "/"))
        return {
            each["platform"]["architecture"]: cls._image(folder, each["digest"])
            for each in index["manifests"]
        }

    @classmethod
    def _image(cls, folder: Path, digest: str) -> Layout:
        document = _document(folder / "blobs" / digest.replace(":", "/"))
        layers = {each["digest"]: each["size"] for each in document["layers"]}
        return cls(folder, digest, layers)

    def files(self) -> dict[str, bytes]:
        """The content of each file of all layers."""
        found = {}
        for digest in self.layers:
            with tarfile.open(self.folder / "blobs" / digest.replace(":", "/")) as archive:
                for member in archive:
                    if member.isfile() and (file := archive.extractfile(member)) is not None:
                        found[member.name] = file.read()
        return found

    def members(self, digest: str) -> Iterator[tuple[str, str]]:
        """Each entry of a layer: its path, and everything else about it."""
        with tarfile.open(self.folder / "blobs" / digest.replace(":", "/")) as archive:
            for member in archive:
                file = archive.extractfile(member) if member.isfile() else None
                content = hashlib.sha256(file.read()).hexdigest() if file else member.linkname
                yield (
                    member.name,
                    f"{member.mode:o} {member.uid}:{member.gid} {member.mtime:.0f} {content}",
                )


def _document(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document


def diffoscope(one: Path, other: Path) -> str:
    """What differs between two files, at any depth in them."""
    words = ["diffoscope", "--no-progress", "--exclude-directory-metadata=yes"]
    limits = ["--max-text-report-size=20000", "--max-page-diff-block-lines=50"]
    try:
        done = subprocess.run(
            [*words, *limits, "--text=-", one, other],
            stdout=subprocess.PIPE,
            text=True,
            check=False,
            timeout=120,
        )
    except FileNotFoundError:
        return "  (diffoscope is not installed: `make test` installs it, and it says more)"
    return done.stdout


def differences(one: Layout, other: Layout) -> str:
    """What differs, by layer and entry: empty where nothing does."""
    lines = []
    if len(one.layers) != len(other.layers):
        lines.append(f"{len(one.layers)} layers and {len(other.layers)}")
    for left, right in zip(one.layers, other.layers, strict=False):
        if left == right:
            continue
        mine, theirs = dict(one.members(left)), dict(other.members(right))
        entries = [
            f"  {name}: {mine.get(name, 'missing')} and {theirs.get(name, 'missing')}"
            for name in sorted(mine | theirs)
            if mine.get(name) != theirs.get(name)
        ]
        same = "the entries are the same: their order or the compression differs"
        lines += [f"layer {left} and {right}", *(entries or [f"  {same}"])]
        lines.append(
            diffoscope(
                *(
                    each.folder / "blobs" / name.replace(":", "/")
                    for each, name in ((one, left), (other, right))
                )
            )
        )
    if not lines and one.manifest != other.manifest:
        lines.append("the layers are the same, the configuration differs")
    return "\n".join(lines)
