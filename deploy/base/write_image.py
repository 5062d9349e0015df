"""Write an image archive for `docker load` around one layer: the same bytes give the same id."""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import sys
import tarfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path


def add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    archive.addfile(member, io.BytesIO(data))


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--layer", type=Path, required=True)
    parser.add_argument("--tag", required=True)
    parser.add_argument("--architecture", required=True)
    parser.add_argument("--epoch", type=int, required=True)
    parser.add_argument("--env", action="append", default=[])
    parser.add_argument("--label", action="append", default=[])
    options = parser.parse_args(argv)

    with options.layer.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    created = datetime.fromtimestamp(options.epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    config = {
        "architecture": options.architecture,
        "os": "linux",
        "created": created,
        "config": {
            "Env": options.env,
            "Cmd": ["python3"],
            "Labels": dict(label.split("=", 1) for label in options.label),
        },
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
        "history": [{"created": created, "created_by": "deploy/base/make-stand-in.sh"}],
    }
    config_data = json.dumps(config, sort_keys=True).encode()
    config_name = hashlib.sha256(config_data).hexdigest() + ".json"
    manifest = [{"Config": config_name, "RepoTags": [options.tag], "Layers": ["layer.tar"]}]
    with tarfile.open(fileobj=sys.stdout.buffer, mode="w|") as archive:
        add(archive, config_name, config_data)
        add(archive, "manifest.json", json.dumps(manifest).encode())
        member = tarfile.TarInfo("layer.tar")
        member.size = options.layer.stat().st_size
        with options.layer.open("rb") as file:
            archive.addfile(member, file)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
