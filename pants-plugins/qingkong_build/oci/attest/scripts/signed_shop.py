"""The shop's layout with its documents, keys, and a forger who computes every digest again."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from attest_image import main as attest
from shop_image import WHEEL, base, image, ours, write_lock

Edit = Callable[[Any], object]


def attested(place: Path) -> Path:
    """The layout of an image with its bill of materials and its provenance, as a package has it.

    The documents are beside it.
    """
    place.mkdir()
    work = place / "work"
    image(
        place / "oci",
        ours=ours(),
        base=base(),
        names=("shop:1", "shop:latest"),
        config={"created": "2024-02-03T04:05:06Z"},
    )
    work.mkdir()
    (work / WHEEL).write_bytes(b"a wheel")
    lock = str(write_lock(work / "prod.lock"))
    spec: dict[str, Any] = {
        "target": "deploy:oci",
        "layout": str(place / "oci"),
        "base_layers": None,
        "lockfiles": [lock],
        "roots": None,
        "files": [lock],
        "wheels": [str(work / WHEEL)],
        "builder": "https://ci.example.test",
        "versions": {},
        "sources": "5" * 64,
    }
    (work / "spec.json").write_text(json.dumps(spec))
    assert attest([str(work / "spec.json"), str(work / "out")]) == 0
    shutil.copytree(work / "out", place, dirs_exist_ok=True)
    shutil.rmtree(work)
    return place / "oci"


def new_key(place: Path, *kind: str) -> Path:
    """A key as cosign's are, ECDSA on P-256, unless told; its public half is beside it."""
    key = place.with_suffix(".key")
    words = kind or ("EC", "-pkeyopt", "ec_paramgen_curve:prime256v1")
    openssl("genpkey", "-algorithm", *words, "-out", str(key))
    openssl("pkey", "-in", str(key), "-pubout", "-out", str(key.with_suffix(".pub")))
    return key


def signer(key: Path) -> str:
    """The command that signs by a key."""
    return f"openssl dgst -sha256 -sign {key}"


def openssl(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["openssl", *arguments], capture_output=True, check=True)


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def blob(place: Path, digest: str) -> Path:
    return place / "blobs" / "sha256" / digest.removeprefix("sha256:")


def read_json(path: Path) -> Any:
    return json.loads(path.read_text())


def image_descriptor(place: Path) -> dict[str, Any]:
    found: dict[str, Any] = read_json(place / "index.json")["manifests"][0]
    return found


def image_layers(place: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = read_json(blob(place, image_descriptor(place)["digest"]))[
        "layers"
    ]
    return found


def referrer(place: Path, kind: str) -> dict[str, Any]:
    """The descriptor of the referrer whose artifact type has this in it."""
    (found,) = (
        one
        for one in read_json(place / "index.json")["manifests"]
        if kind in one.get("artifactType", "")
    )
    return dict(found)


def referrer_layer(place: Path, kind: str, number: int = 0) -> dict[str, Any]:
    """A layer of that referrer."""
    found = read_json(blob(place, referrer(place, kind)["digest"]))["layers"][number]
    return dict(found)


def edit_index(place: Path, edit: Edit) -> None:
    index = read_json(place / "index.json")
    edit(index)
    (place / "index.json").write_text(json.dumps(index))


def forge(place: Path, digest: str, edit: Edit) -> str:
    """Edit a JSON blob, and all that names it, so that every digest is right again."""
    document = read_json(blob(place, digest))
    edit(document)
    return replace(place, digest, json.dumps(document).encode())


def replace(place: Path, digest: str, content: bytes) -> str:
    """Put another blob in place of one, in all that names it; give its digest."""
    new = digest_of(content)
    if new == digest:
        return new
    blob(place, new).write_bytes(content)
    for path in sorted((place / "blobs" / "sha256").iterdir()):
        try:
            document = json.loads(path.read_text())
        except ValueError:
            continue
        if path.exists() and _point(document, digest, new, len(content)):
            replace(place, f"sha256:{path.name}", json.dumps(document).encode())
    edit_index(place, lambda index: _point(index, digest, new, len(content)))
    return new


def _point(document: Any, digest: str, new: str, size: int) -> bool:
    """Let the descriptors of a manifest or an index mean another blob; say whether one did."""
    if not isinstance(document, dict):
        return False
    found = [*(document.get("layers") or ()), *(document.get("manifests") or ())]
    found += [document[name] for name in ("config", "subject") if name in document]
    changed = False
    for descriptor in found:
        if isinstance(descriptor, dict) and descriptor.get("digest") == digest:
            descriptor.update(digest=new, size=size)
            changed = True
    return changed
