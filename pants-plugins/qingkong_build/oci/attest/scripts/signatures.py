"""Sign an OCI layout, or verify one: what `pants run` of an `image_attestations` target starts.

    signatures.py sign [LAYOUT] --command "openssl dgst -sha256 -sign cosign.key" [--name REFERENCE]
    signatures.py verify [LAYOUT] --key cosign.pub

Standard library only. Exits 1 with one message on any error; a layout that cannot be signed then is
as it was.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from attest_error import AttestError, refusal
from oci_layout import Layout, LayoutError
from public_key import PublicKey
from sign_image import sign_layout
from verify_image import verify_layout


def main(argv: list[str]) -> int:
    options = _parser().parse_args(argv)
    try:
        for line in options.run(options):
            print(line)
    except (AttestError, LayoutError, OSError) as error:
        print(f"image_attestations: {error}", file=sys.stderr)
        return 1
    return 0


def _sign(options: argparse.Namespace) -> list[str]:
    return sign_layout(_layout(options), options.name, options.command)


def _verify(options: argparse.Namespace) -> list[str]:
    files: list[Path] = options.document
    # What a target has packaged has its documents beside the layout.
    if not files and options.layout is None and options.packaged is not None:
        files = sorted(options.packaged.parent.glob("*.json"))
    return verify_layout(
        _layout(options),
        [PublicKey.load(path) for path in options.key],
        name=options.name,
        files=files,
        needs_attestations=not options.allow_unattested,
    )


def _layout(options: argparse.Namespace) -> Layout:
    path = options.layout or options.packaged
    if path is None:
        raise refusal("reading the layout", "LAYOUT", None, "it is missing", "name a directory")
    if path == options.packaged and not path.is_dir():
        fix = "run `pants package` of the same target first"
        raise refusal("reading the layout", "LAYOUT", str(path), "there is no such directory", fix)
    return Layout(path)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="image_attestations", description="Sign or verify images."
    )
    # Where the target that is run leaves its package.
    parser.add_argument("--packaged", type=Path, help=argparse.SUPPRESS)
    commands = parser.add_subparsers(required=True, metavar="sign|verify")

    sign = commands.add_parser("sign", help="sign the images and what is said of them")
    sign.add_argument("--command", required=True, help="signs what is on its standard input")
    sign.add_argument("--name", help="the reference that is claimed; by default the layout's")
    sign.set_defaults(run=_sign)

    verify = commands.add_parser("verify", help="verify the images and what is said of them")
    verify.add_argument(
        "--key", type=Path, action="append", required=True, help="a public key; repeatable"
    )
    verify.add_argument("--name", help="the reference that each image has to be signed as")
    verify.add_argument(
        "--document",
        type=Path,
        action="append",
        default=[],
        help="a file that has to be a signed document; by default those beside the package",
    )
    verify.add_argument(
        "--allow-unattested",
        action="store_true",
        help="accept images without a signed bill of materials and provenance",
    )
    verify.set_defaults(run=_verify)
    for command in (sign, verify):
        command.add_argument(
            "layout", type=Path, nargs="?", help="by default that of the target's package"
        )
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
