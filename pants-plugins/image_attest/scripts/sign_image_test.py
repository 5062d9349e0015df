"""Signatures by a local key, verified by OpenSSL, and commands that make none."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from layout_builder import write_layout
from oci_layout import Layout
from referrers import referrers_of
from sign_image import PAYLOAD, SIGNATURE, main


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return write_layout(tmp_path / "layout", [{"a": "x"}], {}, names=("shop:1", "shop:latest"))


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """A key as cosign's are, ECDSA on P-256; its public half is beside it."""
    key = tmp_path / "cosign.key"
    openssl("ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out", str(key))
    openssl("ec", "-in", str(key), "-pubout", "-out", str(key.with_suffix(".pub")))
    return key


def openssl(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["openssl", *arguments], capture_output=True, check=True)


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
    assert main([str(place), "--command", f"openssl dgst -sha256 -sign {key}"]) == 0
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
    assert main([str(place), "--command", command, "--name", "registry.test/shop"]) == 0
    layer, payload = signature_of(Layout(place))
    assert b'"docker-reference":"registry.test/shop"' in payload
    assert verifies(place, key, payload, base64.b64decode(layer["annotations"][SIGNATURE]))


def test_signed_again(place: Path, key: Path) -> None:
    """The new signature takes the old one's name; the image stays as it is."""
    before = Layout(place).images()
    for _ in range(2):
        assert main([str(place), "--command", f"openssl dgst -sha256 -sign {key}"]) == 0
    assert Layout(place).images() == before
    layer, payload = signature_of(Layout(place))
    assert verifies(place, key, payload, base64.b64decode(layer["annotations"][SIGNATURE]))


@pytest.mark.parametrize(
    ("command", "error"),
    [
        ("no-such-signer --key x", "--command 'no-such-signer --key x' did not run"),
        ("", "--command is empty"),
        ("sh 'x", "did not run: No closing quotation"),
        ("sh -c 'echo no key >&2; exit 3'", "failed with 3: no key"),
        ("echo", "wrote b'\\n', which is no signature"),
        ("echo done!", "wrote b'done!\\n', which is no signature"),
    ],
)
def test_bad_commands(
    place: Path, capsys: pytest.CaptureFixture[str], command: str, error: str
) -> None:
    before = index(place)
    assert main([str(place), "--command", command]) == 1
    assert error in capsys.readouterr().err
    assert index(place) == before


def test_no_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = write_layout(tmp_path, [{"a": "x"}], {}, names=("",))
    assert main([str(place), "--command", "true"]) == 1
    assert "has no name. Give one: --name." in capsys.readouterr().err


def test_no_layout(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path), "--command", "true"]) == 1
    assert "is no OCI image layout" in capsys.readouterr().err


def test_help_names_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import sign_image; sign_image.main(['--help'])"],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parent,
        env={"PYTHONPATH": ":".join(str(Path(entry).resolve()) for entry in sys.path)},
    )
    assert "--command" in done.stdout
