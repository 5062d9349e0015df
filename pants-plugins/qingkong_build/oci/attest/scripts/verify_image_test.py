"""Real keys, a real layout, and every way of ours to tamper with it: each is named."""

from __future__ import annotations

import base64
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dsse
import pytest
from referrers import describe
from signatures import main
from signed_shop import (
    attested,
    blob,
    digest_of,
    edit_index,
    forge,
    image_descriptor,
    image_layers,
    new_key,
    read_json,
    referrer,
    referrer_layer,
    replace,
    signer,
)

BILL = "cyclonedx"
PROVENANCE = "in-toto"
SIGNATURE = "cosign"
ATTESTATION = "dsse"


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return new_key(tmp_path_factory.mktemp("keys") / "cosign")


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory, key: Path) -> Path:
    place = attested(tmp_path_factory.mktemp("signed") / "package")
    assert main(["sign", str(place), "--command", signer(key)]) == 0
    return place


@pytest.fixture
def place(signed: Path, tmp_path: Path) -> Path:
    """A copy to tamper with."""
    shutil.copytree(signed.parent, tmp_path / "package")
    return tmp_path / "package" / "oci"


def verify(place: Path, key: Path, *more: str) -> int:
    return main(["verify", str(place), "--key", str(key.with_suffix(".pub")), *more])


def test_what_is_signed_verifies(
    signed: Path, key: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify(signed, key) == 0
    digest = image_descriptor(signed)["digest"]
    assert capsys.readouterr().out == (
        f"verified {digest} as shop:1: 2 layers, bill of materials, provenance\n"
    )


def test_the_envelopes(signed: Path) -> None:
    """As cosign stores them: a layer each in the manifest of a name made of the digest."""
    found = referrer(signed, ATTESTATION)
    digest = image_descriptor(signed)["digest"]
    name = found["annotations"]["org.opencontainers.image.ref.name"]
    assert name == f"{digest.replace(':', '-')}.att"
    manifest = read_json(blob(signed, found["digest"]))
    assert manifest["subject"]["digest"] == digest
    types = {}
    for layer in manifest["layers"]:
        assert layer["mediaType"] == "application/vnd.dsse.envelope.v1+json"
        assert layer["annotations"]["dev.cosignproject.cosign/signature"] == ""
        envelope = read_json(blob(signed, layer["digest"]))
        assert envelope["payloadType"] == "application/vnd.in-toto+json"
        payload = base64.b64decode(envelope["payload"])
        statement = json.loads(payload)
        assert statement["_type"] == "https://in-toto.io/Statement/v1"
        assert statement["subject"][0] == {
            "name": "shop:1",
            "digest": {"sha256": digest.removeprefix("sha256:")},
        }
        assert layer["annotations"]["predicateType"] == statement["predicateType"]
        types[statement["predicateType"]] = (statement["predicate"], payload)
    assert set(types) == {"https://cyclonedx.org/bom", "https://slsa.dev/provenance/v1"}
    bill = read_json(signed.parent / "sbom.cdx.json")
    assert types["https://cyclonedx.org/bom"][0] == bill
    provenance = (signed.parent / "provenance.intoto.json").read_bytes()
    assert types["https://slsa.dev/provenance/v1"][1] == provenance


def in_place(place: Path, digest: str, edit: Callable[[bytes], bytes]) -> None:
    path = blob(place, digest)
    path.write_bytes(edit(path.read_bytes()))


def shouted(content: bytes) -> bytes:
    """Other content of the same size."""
    return content.replace(b"shop", b"SHOP", 1)


def swap_layers(place: Path) -> None:
    def edit(manifest: Any) -> None:
        manifest["layers"].reverse()

    forge(place, image_descriptor(place)["digest"], edit)


def annotate_image(place: Path) -> None:
    forge(place, image_descriptor(place)["digest"], lambda one: one["annotations"].update(a="b"))


def forge_layer(place: Path, kind: str, edit: Callable[[Any], None]) -> None:
    forge(place, referrer_layer(place, kind)["digest"], edit)


def forge_referrer(place: Path, kind: str, edit: Callable[[Any], None]) -> None:
    forge(place, referrer(place, kind)["digest"], edit)


def edit_payload(envelope: Any) -> None:
    statement = json.loads(base64.b64decode(envelope["payload"]))
    statement["predicate"]["version"] = 7
    envelope["payload"] = base64.b64encode(json.dumps(statement).encode()).decode()


def take_out(*kinds: str) -> Callable[[Path], None]:
    def edit(place: Path) -> None:
        gone = {referrer(place, kind)["digest"] for kind in kinds}
        edit_index(
            place,
            lambda index: index.update(
                manifests=[one for one in index["manifests"] if one["digest"] not in gone]
            ),
        )

    return edit


def link_to_outside(place: Path) -> None:
    path = blob(place, image_layers(place)[1]["digest"])
    path.rename(place.parent / "elsewhere")
    path.symlink_to(place.parent / "elsewhere")


def link_blobs(place: Path) -> None:
    (place / "blobs").rename(place.parent / "elsewhere")
    (place / "blobs").symlink_to(place.parent / "elsewhere")


def point_index(value: str) -> Callable[[Path], None]:
    return lambda place: edit_index(place, lambda index: index["manifests"][0].update(digest=value))


IMAGE = "{image}"
LAYER = "{layer}"
TAMPERED: dict[str, tuple[Callable[[Path], object], list[str]]] = {
    "edited bill": (
        lambda place: in_place(place, referrer_layer(place, BILL)["digest"], shouted),
        ["blob {bill}", "holds sha256:"],
    ),
    "edited bill, digests right": (
        lambda place: forge_layer(place, BILL, lambda bill: bill.update(version=7)),
        ["document sha256:", IMAGE, "org.opencontainers.image.title='sbom.cdx.json'"],
    ),
    "a number of the bill as text, digests right": (
        lambda place: forge_layer(place, BILL, lambda bill: bill.update(version=True)),
        ["document sha256:", IMAGE, "org.opencontainers.image.title='sbom.cdx.json'"],
    ),
    "edited provenance, digests right": (
        lambda place: forge_layer(place, PROVENANCE, lambda one: one["predicate"].update(a=1)),
        ["document sha256:", IMAGE, "title='provenance.intoto.json'"],
    ),
    "swapped layer": (
        lambda place: in_place(
            place,
            image_layers(place)[1]["digest"],
            lambda _: blob(place, image_layers(place)[0]["digest"]).read_bytes(),
        ),
        ["blob {layer}", "holds"],
    ),
    "swapped layers, digests right": (
        swap_layers,
        ["signature", "critical.image.docker-manifest-digest='{image}'"],
    ),
    "missing layer": (
        lambda place: blob(place, image_layers(place)[1]["digest"]).unlink(),
        ["no blob {layer}"],
    ),
    "trailing data behind a layer": (
        lambda place: in_place(place, image_layers(place)[1]["digest"], lambda it: it + b"\0"),
        ["blob {layer}", "holds"],
    ),
    "missing configuration of a referrer": (
        lambda place: blob(
            place, read_json(blob(place, referrer(place, SIGNATURE)["digest"]))["config"]["digest"]
        ).unlink(),
        ["no blob sha256:"],
    ),
    "edited manifest": (
        lambda place: in_place(
            place, image_descriptor(place)["digest"], lambda it: it.replace(b"2", b"3", 1)
        ),
        ["blob {image}", "holds sha256:"],
    ),
    "edited manifest, digests right": (
        annotate_image,
        ["signature", "critical.image.docker-manifest-digest='{image}'"],
    ),
    "changed payload of an envelope": (
        lambda place: forge_layer(place, ATTESTATION, edit_payload),
        ["attestation sha256:", IMAGE, "--key="],
    ),
    "changed payload type of an envelope": (
        lambda place: forge_layer(
            place, ATTESTATION, lambda envelope: envelope.update(payloadType="text/plain")
        ),
        ["attestation sha256:", IMAGE, "payloadType='text/plain'"],
    ),
    "no signature in an envelope": (
        lambda place: forge_layer(place, ATTESTATION, lambda one: one.update(signatures=[])),
        ["attestation sha256:", IMAGE, "signatures=[]"],
    ),
    "payload of an envelope that is none": (
        lambda place: forge_layer(place, ATTESTATION, lambda one: one.update(payload="!")),
        ["attestation sha256:", IMAGE, "payload='!'"],
    ),
    "another predicate type than is signed": (
        lambda place: forge_referrer(
            place,
            ATTESTATION,
            lambda one: one["layers"][0]["annotations"].update(predicateType="https://x.test"),
        ),
        ["attestation sha256:", IMAGE, "annotations.predicateType='https://x.test'"],
    ),
    "changed payload of a signature": (
        lambda place: forge_layer(
            place,
            SIGNATURE,
            lambda one: one["critical"]["identity"].update({"docker-reference": "x"}),
        ),
        ["signature sha256:", IMAGE, "--key="],
    ),
    "signature that is no base64": (
        lambda place: forge_referrer(
            place,
            SIGNATURE,
            lambda one: one["layers"][0]["annotations"].update(
                {"dev.cosignproject.cosign/signature": "!"}
            ),
        ),
        ["signature sha256:", IMAGE, "dev.cosignproject.cosign/signature='!'"],
    ),
    "referrer with another subject": (
        lambda place: forge_referrer(
            place, BILL, lambda one: one["subject"].update(digest=f"sha256:{'0' * 64}")
        ),
        ["referrer sha256:", f"subject.digest='sha256:{'0' * 64}'", IMAGE],
    ),
    "referrer with another size of its subject": (
        lambda place: forge_referrer(place, BILL, lambda one: one["subject"].update(size=1)),
        ["referrer sha256:", "subject=", "'size': 1"],
    ),
    "referrer that is not known": (
        lambda place: forge_referrer(
            place, BILL, lambda one: one["layers"][0].update(mediaType="text/plain")
        ),
        ["referrer sha256:", "layers.mediaType=['text/plain']"],
    ),
    "no signature": (take_out(SIGNATURE), ["image {image}", "signatures=0"]),
    "no attestation": (take_out(ATTESTATION), ["document sha256:", IMAGE]),
    "no attestation and no document": (
        take_out(ATTESTATION, BILL, PROVENANCE),
        ["image {image}", "predicateType='https://cyclonedx.org/bom'"],
    ),
    "wrong media type of the manifest": (
        lambda place: edit_index(
            place, lambda index: index["manifests"][0].update(mediaType="text/plain")
        ),
        ["media type 'text/plain'"],
    ),
    "digest with separators": (point_index("sha256:../../../etc/passwd"), ["'sha256:../../../"]),
    "digest with a line break": (point_index("sha256:\n\x1b[2J"), [r"'sha256:\n\x1b[2J'"]),
    "digest of another kind": (point_index("md5:00"), ["digest 'md5:00'"]),
    "trailing data behind the index": (
        lambda place: (place / "index.json").write_bytes(
            (place / "index.json").read_bytes() + b"{}"
        ),
        ["index.json is no JSON document"],
    ),
    "layer that is a link": (link_to_outside, ["is a link to", "elsewhere"]),
    "directory of blobs that is a link": (link_blobs, ["blobs is a link to", "elsewhere"]),
    "deep index": (
        lambda place: (place / "index.json").write_text("[" * 200_000),
        ["index.json is no JSON document"],
    ),
}


@pytest.mark.parametrize("case", TAMPERED)
def test_tampered(place: Path, key: Path, capsys: pytest.CaptureFixture[str], case: str) -> None:
    tamper, parts = TAMPERED[case]
    words = {
        "image": image_descriptor(place)["digest"],
        "layer": image_layers(place)[1]["digest"],
        "bill": referrer_layer(place, BILL)["digest"],
    }
    tamper(place)
    outside = sorted(place.parent.parent.rglob("*"))
    capsys.readouterr()
    assert verify(place, key) == 1
    seen = capsys.readouterr()
    assert seen.out == ""
    assert seen.err.startswith("image_attestations: ")
    assert seen.err.count("\n") == 1
    for part in parts:
        assert part.format(**words) in seen.err, seen.err
    assert sorted(place.parent.parent.rglob("*")) == outside


def test_another_key(
    place: Path, key: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = new_key(tmp_path / "other")
    assert verify(place, other) == 1
    error = capsys.readouterr().err
    assert f"--key='{other.with_suffix('.pub')}'" in error
    assert f"image {image_descriptor(place)['digest']}" in error
    # Either of two keys will do, so that a key can be replaced.
    assert verify(place, other, "--key", str(key.with_suffix(".pub"))) == 0


def test_signed_again_by_another_key(
    place: Path, key: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sign", str(place), "--command", signer(new_key(tmp_path / "other"))]) == 0
    assert verify(place, key) == 1
    assert "--key=" in capsys.readouterr().err


def test_what_is_signed_of_another_image(
    place: Path, key: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All signed by the right key, and of an image that was replaced."""
    annotate_image(place)
    take_out(SIGNATURE)(place)
    other = attested(tmp_path / "other")
    annotate_image(other)
    # Signing refuses a provenance of another image.
    take_out(BILL, PROVENANCE)(other)
    assert main(["sign", str(other), "--command", signer(key)]) == 0
    shutil.copytree(other / "blobs", place / "blobs", dirs_exist_ok=True)
    signature = referrer(other, SIGNATURE)
    edit_index(place, lambda index: index["manifests"].append(signature))
    assert image_descriptor(place)["digest"] == image_descriptor(other)["digest"]
    capsys.readouterr()
    assert verify(place, key) == 1
    error = capsys.readouterr().err
    assert f"attestation {referrer_layer(place, ATTESTATION)['digest']}" in error
    assert "subject[0].digest.sha256=" in error


@pytest.mark.parametrize("file", ["sbom.cdx.json", "provenance.intoto.json"])
def test_a_file_beside_the_layout(
    place: Path, key: Path, capsys: pytest.CaptureFixture[str], file: str
) -> None:
    arguments = ["--packaged", str(place), "verify", "--key", str(key.with_suffix(".pub"))]
    path = place.parent / file
    assert main(arguments) == 0
    assert verify(place, key, "--document", str(path)) == 0
    path.write_bytes(shouted(path.read_bytes()))
    for words in (arguments, [*arguments, "--document", str(path)]):
        assert main(words) == 1
        assert f"--document='{path}'" in capsys.readouterr().err
    # A layout that is named has no documents beside it.
    assert verify(place, key) == 0


def test_a_document_that_is_missing(
    place: Path, key: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify(place, key, "--document", str(place / "none")) == 1
    assert f"--document='{place / 'none'}'" in capsys.readouterr().err


def test_the_name_that_is_claimed(
    place: Path, key: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify(place, key, "--name", "shop:1") == 0
    assert verify(place, key, "--name", "shop:2") == 1
    error = capsys.readouterr().err
    assert "--name='shop:2'" in error
    assert "shop:1" in error


def test_an_image_without_documents(place: Path, key: Path) -> None:
    take_out(ATTESTATION, BILL, PROVENANCE)(place)
    assert verify(place, key) == 1
    assert verify(place, key, "--allow-unattested") == 0


def test_two_platforms(place: Path, key: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The index of a name for several platforms is signed too, or images could be swapped."""
    document = {"schemaVersion": 2, "manifests": [image_descriptor(place)]}

    def wrap(index: Any) -> None:
        raw = json.dumps(document).encode()
        blob(place, digest_of(raw)).write_bytes(raw)
        descriptor = describe(raw, "application/vnd.oci.image.index.v1+json")
        note = {"org.opencontainers.image.ref.name": "shop:both"}
        index["manifests"] = [{**descriptor, "annotations": note}, *index["manifests"][2:]]

    edit_index(place, wrap)
    assert verify(place, key) == 1
    index_digest = image_descriptor(place)["digest"]
    assert f"image {index_digest}: signatures=0" in capsys.readouterr().err
    assert main(["sign", str(place), "--command", signer(key)]) == 0
    assert verify(place, key) == 0
    assert f"verified {index_digest} as shop:both: index\n" in capsys.readouterr().out
    forge(place, index_digest, lambda one: one.update(annotations={"a": "b"}))
    assert verify(place, key) == 1
    error = capsys.readouterr().err
    assert f"critical.image.docker-manifest-digest='{index_digest}'" in error


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (None, "there is no such file"),
        (b"-----BEGIN PUBLIC KEY-----\n", "OpenSSL reads no public key"),
        ("private", "OpenSSL reads no public key"),
        ("ed25519", "it is of another kind: ED25519"),
    ],
)
def test_bad_keys(
    place: Path,
    key: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    content: bytes | str | None,
    part: str,
) -> None:
    path = tmp_path / "given.pub"
    if content == "private":
        path.write_bytes(key.read_bytes())
    elif content == "ed25519":
        new_key(tmp_path / "given", "ED25519")
    elif isinstance(content, bytes):
        path.write_bytes(content)
    assert main(["verify", str(place), "--key", str(path)]) == 1
    error = capsys.readouterr().err
    assert f"--key='{path}'" in error
    assert part in error


def test_rsa(place: Path, tmp_path: Path) -> None:
    key = new_key(tmp_path / "rsa", "RSA", "-pkeyopt", "rsa_keygen_bits:2048")
    assert main(["sign", str(place), "--command", signer(key)]) == 0
    assert verify(place, key) == 0


def test_no_openssl(
    place: Path, key: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(place))
    assert verify(place, key) == 1
    error = capsys.readouterr().err
    assert f"PATH='{place}'" in error
    assert "Fix: install it" in error


def test_the_package_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--packaged", str(tmp_path / "oci"), "sign", "--command", "true"]
    assert main(words) == 1
    error = capsys.readouterr().err
    assert f"LAYOUT='{tmp_path / 'oci'}'" in error
    assert "pants package" in error
    assert main(["sign", "--command", "true"]) == 1
    assert "LAYOUT=None" in capsys.readouterr().err


def test_the_encoding_that_is_signed() -> None:
    """The example of the specification."""
    assert dsse.pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def test_replacing_is_what_the_forger_does(place: Path) -> None:
    """Every digest of a forged layout is right, or the cases above would prove less."""
    layer = referrer_layer(place, BILL)
    new = replace(place, layer["digest"], b"{}")
    assert referrer_layer(place, BILL) == {**layer, "digest": new, "size": 2}
    assert os.path.exists(blob(place, referrer(place, BILL)["digest"]))
