"""A base image that no registry has: an interpreter of this machine, and what it links."""

from __future__ import annotations

import hashlib
import io
import json
import re
import subprocess
import tarfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_LAYER = "application/vnd.oci.image.layer.v1.tar"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_INDEX = "application/vnd.oci.image.index.v1+json"
# Of the standard library: what no service imports, or what is of the machine that compiled it.
_LEFT_OUT = re.compile(
    r"(test|tests|idlelib|tkinter|turtledemo|lib2to3|ensurepip|site-packages|__pycache__|config-.*)"
)
_DESCRIBE = (
    "import json, platform, sys;"
    " print(json.dumps([sys.base_prefix, platform.python_version(), platform.machine()]))"
)
_PROCESSORS = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass
class _Layer:
    """A tar that is being written, each path once."""

    file: io.BytesIO = field(default_factory=io.BytesIO)
    paths: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.tar = tarfile.TarFile(fileobj=self.file, mode="w")

    def add(self, path: str, kind: bytes, mode: int, content: bytes = b"", link: str = "") -> None:
        for parent in reversed(Path(path).parents):
            if str(parent) not in {".", *self.paths}:
                self.add(str(parent), tarfile.DIRTYPE, 0o755)
        if path in self.paths:
            return
        self.paths.add(path)
        info = tarfile.TarInfo(path)
        info.type, info.mode, info.size, info.linkname = kind, mode, len(content), link
        self.tar.addfile(info, io.BytesIO(content))

    def copy(self, source: Path, path: str) -> None:
        mode = 0o755 if source.stat().st_mode & 0o100 else 0o644
        self.add(path, tarfile.REGTYPE, mode, source.read_bytes())

    def finish(self) -> bytes:
        self.tar.close()
        return self.file.getvalue()


def _linked(files: list[Path]) -> set[str]:
    """The libraries that the loader finds for these, and the loader."""
    said = subprocess.run(["ldd", *map(str, files)], capture_output=True, text=True).stdout
    return set(re.findall(r"(/\S+) \(0x", said))


def _interpreter(layer: _Layer, python: Path) -> tuple[str, str]:
    """Put the interpreter into /usr/local; return its version and processor."""
    told = subprocess.run(
        [python, "-I", "-c", _DESCRIBE], capture_output=True, text=True, check=True
    )
    prefix, version, machine = json.loads(told.stdout)
    name = f"python{version.rpartition('.')[0]}"
    program, library = Path(prefix, "bin", name), Path(prefix, "lib", name)
    layer.copy(program.resolve(), f"usr/local/bin/{name}")
    for alias in ("python", "python3"):
        layer.add(f"usr/local/bin/{alias}", tarfile.SYMTYPE, 0o777, link=name)
    compiled = [program]
    for path in sorted(library.rglob("*")):
        below = path.relative_to(library)
        if path.is_file() and not any(_LEFT_OUT.fullmatch(part) for part in below.parts):
            layer.copy(path, f"usr/local/lib/{name}/{below.as_posix()}")
            if path.suffix == ".so":
                compiled.append(path)
    for linked in sorted(_linked(compiled)):
        layer.copy(Path(linked), linked.lstrip("/"))
    return version, _PROCESSORS[machine]


def write_base(directory: Path, python: Path) -> None:
    """Write an OCI layout whose one layer has `python`'s interpreter and standard library."""
    layer = _Layer()
    version, processor = _interpreter(layer, python)
    layer.add("tmp", tarfile.DIRTYPE, 0o1777)
    layer.copy(Path("/usr/share/zoneinfo/Etc/UTC"), "usr/share/zoneinfo/Etc/UTC")
    layer.add("etc/localtime", tarfile.SYMTYPE, 0o777, link="/usr/share/zoneinfo/Etc/UTC")
    content = layer.finish()
    config = {
        "architecture": processor,
        "os": "linux",
        "config": {"Env": ["PATH=/usr/local/bin:/usr/bin:/bin", f"PYTHON_VERSION={version}"]},
        "rootfs": {"type": "layers", "diff_ids": [_digest(content)]},
    }
    described = [
        _blob(directory, _CONFIG, json.dumps(config).encode()),
        _blob(directory, _LAYER, content),
    ]
    manifest = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "config": described[0],
        "layers": described[1:],
    }
    index = {
        "schemaVersion": 2,
        "mediaType": _INDEX,
        "manifests": [_blob(directory, _MANIFEST, json.dumps(manifest).encode())],
    }
    (directory / "index.json").write_text(json.dumps(index))
    (directory / "oci-layout").write_text(json.dumps({"imageLayoutVersion": "1.0.0"}))


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _blob(directory: Path, media_type: str, content: bytes) -> dict[str, Any]:
    digest = _digest(content)
    path = directory / "blobs" / digest.replace(":", "/")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return {"mediaType": media_type, "digest": digest, "size": len(content)}
