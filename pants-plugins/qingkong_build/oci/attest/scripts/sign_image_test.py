"""Signatures by a local key, verified by OpenSSL, and what is not signed."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from layout_builder import write_layout
from oci_layout import Layout
from referrers import referrers_of
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
    signer,
)
from subjects import PAYLOAD, SIGNATURE


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return write_layout(tmp_path / "layout", [{"a": "x"}], {}, names=("shop:1", "shop:latest"))


@pytest.fixture
def key(tmp_path: Path) -> Path:
    return new_key(tmp_path / "cosign")


def index(place: Path) -> Any:
    return json.loads((place / "index.json").read_text())


def signature_of(layout: Layout) -> tuple[dict[str, Any], bytes]:
    """The signature's layer and its content, found as cosign finds them: by the tag."""
    (image,) = layout.images()
    tag = f"{image.digest.replace(':', '-')}.sig"
    (descriptor,) = (
        one
        for one in layout.index["manifests"]
        if one["annotations"]["org.opencontainers.image.ref.name"] == tag
    )
    (layer,) = layout.document(descriptor)["layers"]
    assert layer["mediaType"] == PAYLOAD == "application/vnd.dev.cosign.simplesigning.v1+json"
    return layer, layout.check_blob(layer).read_bytes()


def verifies(place: Path, key: Path, payload: bytes, signature: bytes) -> bool:
    (place.parent / "payload").write_bytes(payload)
    (place.parent / "signature").write_bytes(signature)
    done = subprocess.run(
        [
            *("openssl", "dgst", "-sha256", "-verify", str(key.with_suffix(".pub"))),
            *("-signature", str(place.parent / "signature"), str(place.parent / "payload")),
        ],
        capture_output=True,
        check=False,
    )
    return done.returncode == 0 and done.stdout == b"Verified OK\n"


def test_openssl(place: Path, key: Path) -> None:
    assert main(["sign", str(place), "--command", signer(key)]) == 0
    layout = Layout(place)
    (image,) = layout.images()
    layer, payload = signature_of(layout)
    assert json.loads(payload) == {
        "critical": {
            "identity": {"docker-reference": "shop:1"},
            "image": {"docker-manifest-digest": image.digest},
            "type": "cosign container image signature",
        },
        "optional": None,
    }
    signature = base64.b64decode(layer["annotations"][SIGNATURE], validate=True)
    assert verifies(place, key, payload, signature)
    assert not verifies(place, key, payload.replace(b"shop:1", b"shop:2"), signature)
    assert [one["mediaType"] for one in referrers_of(layout, image.digest)]


def test_a_command_that_writes_base64(place: Path, key: Path) -> None:
    """As `cosign sign-blob` does; a name that is told is what is claimed."""
    command = f"sh -c 'openssl dgst -sha256 -sign {key} | openssl base64'"
    assert main(["sign", str(place), "--command", command, "--name", "registry.test/shop"]) == 0
    layer, payload = signature_of(Layout(place))
    assert b'"docker-reference":"registry.test/shop"' in payload
    assert verifies(place, key, payload, base64.b64decode(layer["annotations"][SIGNATURE]))


def test_signed_again(place: Path, key: Path) -> None:
    """The new signature takes the old one's name; the image stays as it is."""
    before = Layout(place).images()
    for _ in range(2):
        assert main(["sign", str(place), "--command", signer(key)]) == 0
    assert Layout(place).images() == before
    layer, payload = signature_of(Layout(place))
    assert verifies(place, key, payload, base64.b64decode(layer["annotations"][SIGNATURE]))


@pytest.mark.parametrize(
    ("command", "error"),
    [
        ("no-such-signer --key x", "it did not run: "),
        ("", "it is empty"),
        ("sh 'x", "it did not run: No closing quotation"),
        ("sh -c 'echo no key >&2; exit 3'", "it failed with 3: no key"),
        ("echo", "it wrote b'\\n', which is neither"),
        ("echo done!", "it wrote b'done!\\n', which is neither"),
    ],
)
def test_bad_commands(
    place: Path, capsys: pytest.CaptureFixture[str], command: str, error: str
) -> None:
    before = index(place)
    assert main(["sign", str(place), "--command", command]) == 1
    seen = capsys.readouterr().err
    assert seen.startswith(f"image_attestations: signing: --command={command!r}: {error}")
    assert ". Fix: " in seen
    assert index(place) == before


def test_no_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = write_layout(tmp_path, [{"a": "x"}], {}, names=("",))
    assert main(["sign", str(place), "--command", "true"]) == 1
    error = capsys.readouterr().err
    assert "--name=None" in error
    assert image_descriptor(place)["digest"] in error


def test_no_layout(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sign", str(tmp_path), "--command", "true"]) == 1
    assert "is no OCI image layout" in capsys.readouterr().err


def shorten_layer(place: Path) -> None:
    path = blob(place, image_layers(place)[0]["digest"])
    path.write_bytes(path.read_bytes()[:-1])


def swap_contents(place: Path) -> None:
    """Other layers than the configuration says, and each digest of the manifest right."""
    forge(place, image_descriptor(place)["digest"], lambda one: one["layers"].reverse())


def lay_text(place: Path) -> None:
    """A layer that is no gzip, and each digest of the manifest right."""
    text = b"no archive"
    blob(place, digest_of(text)).write_bytes(text)

    def edit(manifest: Any) -> None:
        manifest["layers"][0].update(digest=digest_of(text), size=len(text))

    forge(place, image_descriptor(place)["digest"], edit)


def change_manifest(place: Path) -> None:
    path = blob(place, image_descriptor(place)["digest"])
    path.write_bytes(path.read_bytes().replace(b"2", b"3", 1))


def link_index(place: Path) -> None:
    (place / "index.json").rename(place.parent / "elsewhere.json")
    (place / "index.json").symlink_to(place.parent / "elsewhere.json")


@pytest.mark.parametrize(
    ("tamper", "part"),
    [
        (lambda place: blob(place, image_layers(place)[1]["digest"]).unlink(), "no blob {layer}"),
        (shorten_layer, "blob {base}"),
        (swap_contents, "'diff_ids' say"),
        (lay_text, "unpacking layer sha256:"),
        (change_manifest, "blob {image}"),
        (
            lambda place: forge(
                place,
                referrer_layer(place, "in-toto")["digest"],
                lambda one: one["subject"][0]["digest"].update(sha256="0" * 64),
            ),
            "subject[0].digest.sha256='0000",
        ),
        (
            lambda place: forge(
                place,
                referrer(place, "in-toto")["digest"],
                lambda one: one["layers"][0].update(mediaType="text/plain"),
            ),
            "layers.mediaType=['text/plain']",
        ),
        (
            lambda place: edit_index(
                place, lambda index: index["manifests"][0].update(digest="sha256:../../../x")
            ),
            "'sha256:../../../x'",
        ),
        (link_index, "index.json is a link to"),
    ],
)
def test_what_is_not_signed(
    tmp_path: Path,
    key: Path,
    capsys: pytest.CaptureFixture[str],
    tamper: Callable[[Path], object],
    part: str,
) -> None:
    """A layout that is not what it says stays as it is."""
    place = attested(tmp_path / "package")
    base, layer = (one["digest"] for one in image_layers(place))
    words = {"image": image_descriptor(place)["digest"], "base": base, "layer": layer}
    tamper(place)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    # It would leave a file, if it ran.
    command = f"sh -c 'touch {tmp_path / 'ran'}'"
    assert main(["sign", str(place), "--command", command]) == 1
    seen = capsys.readouterr()
    assert seen.out == ""
    assert seen.err.count("\n") == 1
    assert part.format(**words) in seen.err
    after = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert after == before


def test_nothing_is_written_through_a_link(place: Path, key: Path, tmp_path: Path) -> None:
    """A blob's name, which anyone can compute before it is signed, leads out of the layout."""
    trial = shutil.copytree(place, tmp_path / "trial")
    assert main(["sign", str(trial), "--command", signer(key)]) == 0
    config = read_json(blob(trial, referrer(trial, "cosign")["digest"]))["config"]
    outside = tmp_path / "outside"
    outside.write_text("precious")
    blob(place, config["digest"]).symlink_to(outside)
    assert main(["sign", str(place), "--command", signer(key)]) == 0
    assert outside.read_text() == "precious"
    assert not blob(place, config["digest"]).is_symlink()


def test_what_was_signed_is_printed(
    tmp_path: Path, key: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = attested(tmp_path / "package")
    assert main(["--packaged", str(place), "sign", "--command", signer(key)]) == 0
    digest = image_descriptor(place)["digest"]
    assert capsys.readouterr().out == (
        f"signed {digest} (shop:1, shop:latest): image, bill of materials, provenance\n"
    )
