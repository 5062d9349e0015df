"""Sign the images of an OCI layout, as cosign does.

    sign_image.py LAYOUT --command "openssl dgst -sha256 -sign cosign.key" [--name REFERENCE]

The command gets the payload (cosign's "simple signing" document, which names the image's digest) on
its standard input, and writes the signature: raw, or as base64. So any signer will do, `cosign
sign-blob --key cosign.key -` too. The signature becomes the manifest `sha256-<digest>.sig`, where
cosign looks for it in a registry, with the image as its `subject`, so that it is a referrer too.

Standard library only. Exits 1 with one message on any error; the layout then is as it was.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import shlex
import subprocess
import sys
from pathlib import Path

from attest_error import AttestError
from oci_layout import ImageManifest, Layout, LayoutError
from referrers import MANIFEST, Referrer, attach, describe, document, referrer

PAYLOAD = "application/vnd.dev.cosign.simplesigning.v1+json"
SIGNATURE = "dev.cosignproject.cosign/signature"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_REF_NAME = "org.opencontainers.image.ref.name"
_SECONDS = 120
# cosign's own, for "nobody knows".
_NO_TIME = "0001-01-01T00:00:00Z"


def payload(name: str, digest: str) -> bytes:
    """What is signed."""
    return document(
        {
            "critical": {
                "identity": {"docker-reference": name},
                "image": {"docker-manifest-digest": digest},
                "type": "cosign container image signature",
            },
            "optional": None,
        }
    )


def sign(content: bytes, command: str) -> str:
    """The signature of `content` that `command` makes, as base64."""
    try:
        argv = shlex.split(command)
        if not argv:
            raise AttestError("--command is empty. Name a program that signs its input.")
        done = subprocess.run(
            argv, input=content, capture_output=True, timeout=_SECONDS, check=False
        )
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise AttestError(f"--command {command!r} did not run: {error}") from None
    if done.returncode != 0:
        raise AttestError(
            f"--command {command!r} failed with {done.returncode}: "
            f"{done.stderr.decode(errors='replace').strip()}"
        )
    # Sixty-four and more bytes of a raw signature are never all letters.
    if not done.stdout.isascii():
        return base64.b64encode(done.stdout).decode()
    try:
        raw = base64.b64decode(b"".join(done.stdout.split()), validate=True)
    except binascii.Error:
        raw = b""
    if not raw:
        raise AttestError(
            f"--command {command!r} wrote {done.stdout[:40]!r}, which is no signature: neither raw "
            "bytes nor base64."
        )
    return base64.b64encode(raw).decode()


def signed(image: ImageManifest, claimed: str | None, command: str) -> Referrer:
    """The signature's manifest and what belongs to it."""
    name = claimed or (image.names[0] if image.names else "")
    if not name:
        raise AttestError(f"image {image.digest} has no name. Give one: --name.")
    content = payload(name, image.digest)
    signature = sign(content, command)
    layer = {**describe(content, PAYLOAD), "annotations": {SIGNATURE: signature}}
    config = document(
        {
            "architecture": "",
            "config": {},
            "created": _NO_TIME,
            "history": [{"created": _NO_TIME}],
            "os": "",
            "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]},
        }
    )
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": describe(config, _CONFIG),
        "layers": [layer],
        "subject": {key: image.descriptor[key] for key in ("mediaType", "digest", "size")},
    }
    tag = f"{image.digest.replace(':', '-')}.sig"
    return referrer(manifest, [content, config], {"annotations": {_REF_NAME: tag}})


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="sign_image.py", description="Sign an OCI layout.")
    parser.add_argument("layout", type=Path)
    parser.add_argument("--command", required=True, help="signs what is on its standard input")
    parser.add_argument("--name", help="the reference that is claimed; the layout's, unless told")
    options = parser.parse_args(argv)
    try:
        layout = Layout(options.layout)
        images = layout.images()
        # All of them, before the first is stored.
        attach(layout, [signed(image, options.name, options.command) for image in images])
    except (AttestError, LayoutError) as error:
        print(f"sign_image: {error}", file=sys.stderr)
        return 1
    for image in images:
        print(f"signed {image.digest} ({', '.join(image.names)})")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
