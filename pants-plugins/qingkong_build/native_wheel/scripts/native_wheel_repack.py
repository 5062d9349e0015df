"""From the package's own wheel to ours: without what is excluded, with the record, same bytes."""

from __future__ import annotations

import fnmatch
import json
import platform
import shutil
import sys
from pathlib import Path
from typing import Any

from native_wheel_cross import check_machine
from native_wheel_errors import NativeWheelError
from native_wheel_platform import manylinux_tag, refuse_foreign

RECORD_NAME = "native_wheel.json"
# Packages in whose `.dist-info` the record tells what the wheel was made with.
_BUILD_TOOLS = ("cython", "setuptools", "poetry-core")


def repack(
    spec: dict[str, Any], built: Path, destination: Path, record: dict[str, Any], build_tree: Path
) -> str:
    """Drop what is excluded, add `record`, write the same bytes every time."""
    refuse_foreign(spec, built.name)
    # Importable since `prepare_process`: it is one of the build requirements.
    from wheel.wheelfile import WheelFile

    tree = built.parent / "tree"
    with WheelFile(str(built)) as wheel:
        wheel.extractall(tree)
        dist_info = wheel.dist_info_path
    for path in sorted(tree.rglob("*")):
        relative = path.relative_to(tree).as_posix()
        if path.is_file() and any(fnmatch.fnmatch(relative, p) for p in spec["exclude"]):
            path.unlink()
    if not any(path.suffix in (".so", ".pyd") for path in tree.rglob("*")):
        raise NativeWheelError(
            spec, f"the wheel {built.name} holds no extension module. Check the 'exclude' field."
        )
    if spec.get("machine"):
        check_machine(spec, tree)
    filename = built.name
    if spec["local_version"]:
        filename, dist_info = add_local_version(spec, tree, built.name)
    (tree / dist_info / RECORD_NAME).write_text(json.dumps(record, indent=1, sort_keys=True) + "\n")
    (tree / dist_info / "RECORD").unlink()
    for path in tree.rglob("*"):
        executable = path.is_dir() or path.suffix in (".so", ".pyd")
        path.chmod(0o755 if executable else 0o644)
    partial = built.parent / "repacked"
    partial.mkdir()
    _write(tree, partial / filename)
    if spec["manylinux"]:
        tag = manylinux_tag(spec, partial / filename, build_tree)
        filename = _retag(tree / dist_info / "WHEEL", filename, tag)
        _write(tree, partial / filename)
    destination.mkdir(parents=True, exist_ok=True)
    shutil.move(str(partial / filename), destination / filename)
    return filename


def _write(tree: Path, path: Path) -> None:
    from wheel.wheelfile import WheelFile

    with WheelFile(str(path), "w") as wheel:
        wheel.write_files(str(tree))


def _retag(metadata: Path, filename: str, platform: str) -> str:
    """Give an unpacked wheel its platform tag; return its file name."""
    stem = filename.removesuffix(".whl").rsplit("-", 1)[0]
    lines = []
    for line in metadata.read_text().splitlines():
        if line.startswith("Tag: "):
            lines.append(f"{line.rsplit('-', 1)[0]}-{platform}")
        else:
            lines.append(line)
    metadata.write_text("\n".join(dict.fromkeys(lines)) + "\n")
    return f"{stem}-{platform}.whl"


def add_local_version(spec: dict[str, Any], tree: Path, filename: str) -> tuple[str, str]:
    """Give an unpacked wheel its local version; return its file and `.dist-info` names."""
    name, version, *tags = filename.split("-")
    if "+" in version:
        raise NativeWheelError(
            spec,
            f"'local_version' is {spec['local_version']!r}, but the package gives itself the "
            f"version {version}, which has a local segment. Take the field out.",
        )
    new = f"{version}+{spec['local_version']}"
    for suffix in ("dist-info", "data"):
        old = tree / f"{name}-{version}.{suffix}"
        if old.exists():
            old.rename(tree / f"{name}-{new}.{suffix}")
    dist_info = f"{name}-{new}.dist-info"
    metadata = tree / dist_info / "METADATA"
    headers, separator, body = metadata.read_bytes().partition(b"\n\n")
    lines = [
        line + f"+{spec['local_version']}".encode() if line.startswith(b"Version: ") else line
        for line in headers.split(b"\n")
    ]
    metadata.write_bytes(b"\n".join(lines) + separator + body)
    return "-".join((name, new, *tags)), dist_info


def provenance(
    spec: dict[str, Any], *, patches: list[dict[str, str]], isolated: bool
) -> dict[str, Any]:
    """What the wheel was made of, for `.dist-info/native_wheel.json`."""
    from importlib import metadata

    tools = {}
    for name in (*_BUILD_TOOLS, *(["auditwheel"] if spec["manylinux"] else [])):
        try:
            tools[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return {
        "schema": 1,
        "project": spec["project"],
        "version": spec["version"],
        "profile": spec["profile"],
        "sdist_sha256": spec["sdist_sha256"],
        "compile_args": spec["compile_args"],
        "link_args": spec["link_args"],
        "define_macros": spec["define_macros"],
        "env_vars": spec["env_vars"],
        "patches": patches,
        "local_version": spec["local_version"],
        "manylinux": spec["manylinux"],
        # Where it was not built for the machine that built it.
        **({"machine": spec["machine"]} if "machine" in spec else {}),
        "network": "isolated" if isolated else "not isolated",
        "compiler": spec["compiler"],
        "cython": tools.get("cython"),
        "build_requirements": tools,
        "python": ".".join(map(str, sys.version_info[:2])),
        # Code that Cython generates holds the number of the headers: it is in the bytes anyway.
        "python_version": platform.python_version(),
    }
