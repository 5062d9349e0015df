"""A PEP 517 back end around a package's own: same package, our flags, proved afterwards.

Run by Pants in a directory that holds `native_wheel_spec.json` and the source distribution.
Each step either does what the target asks for or ends the build with one message.
"""

from __future__ import annotations

import fnmatch
import hashlib
import importlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
import traceback
from pathlib import Path
from typing import Any

import native_wheel_hook

# The flat tree of the locked build requirements, beside this file.
BUILD_TREE = "build_requirements"
RECORD_NAME = "native_wheel.json"
# 1980-01-01, the earliest time a zip file can carry.
EPOCH = "315532800"
# Packages in whose `.dist-info` the record tells what the wheel was made with.
_BUILD_TOOLS = ("cython", "setuptools", "poetry-core")


class NativeWheelError(SystemExit):
    """Ends the build; the message names target, field, value and mend."""

    def __init__(self, spec: dict[str, Any], message: str) -> None:
        super().__init__(f"native_wheel: target {spec['target']}: {message}")


def build_wheel(
    wheel_directory: str,
    config_settings: dict[str, Any] | None = None,
    metadata_directory: str | None = None,
) -> str:
    """Build the wheel into `wheel_directory` and return its file name (PEP 517)."""
    spec = json.loads(Path("native_wheel_spec.json").read_text())
    destination = Path(wheel_directory).resolve()
    work = Path("work").resolve()
    source = unpack(spec, work)
    log = work / "compiler.log"
    backend = prepare_process(spec, source, work, log)
    os.chdir(source)
    built = work / "wheel"
    built.mkdir()
    name = run_backend(spec, backend, built, config_settings)
    commands = read_commands(log)
    verify_flags(spec, commands)
    return repack(spec, built / name, destination)


def unpack(spec: dict[str, Any], work: Path) -> Path:
    """Check the archive once more, unpack it without its leading directory's name."""
    archive = Path(spec["sdist"])
    actual = hashlib.sha256(archive.read_bytes()).hexdigest()
    if actual != spec["sdist_sha256"]:
        raise NativeWheelError(
            spec, f"'sha256' is {spec['sdist_sha256']}, but {archive} has {actual}."
        )
    target = work / "source"
    target.mkdir(parents=True)
    with tarfile.open(archive) as tar:
        # The filter refuses absolute names, `..`, devices and links that lead outside.
        tar.extractall(target, filter="data")
    (only,) = target.iterdir()
    return only


def prepare_process(spec: dict[str, Any], source: Path, work: Path, log: Path) -> Any:
    """Set environment and hook of this process and its children; return the package's back end."""
    here = Path.cwd()
    bin_dir = work / "bin"
    bin_dir.mkdir()
    compiler = spec["compiler_path"]
    shims = {"cc": compiler, "cxx": _cxx_of(compiler)}
    for name, real in shims.items():
        write_shim(bin_dir / name, real, log)
    for tool in ("python", "python3"):
        (bin_dir / tool).symlink_to(sys.executable)
    config = {
        "cc": str(bin_dir / "cc"),
        "cxx": str(bin_dir / "cxx"),
        "compile_args": spec["compile_args"],
        "link_args": spec["link_args"],
        "build_requirements": str(here / BUILD_TREE),
    }
    home = work / "home"
    home.mkdir()
    kept = {k: v for k, v in os.environ.items() if k.startswith("PEX")}
    os.environ.clear()
    os.environ.update(kept)
    os.environ.update(
        {
            "CC": config["cc"],
            "CXX": config["cxx"],
            "HOME": str(home),
            "LC_ALL": "C.UTF-8",
            native_wheel_hook.ENV_VAR: json.dumps(config),
            "PATH": os.pathsep.join([str(bin_dir), *spec["search_path"]]),
            "PYTHONHASHSEED": "0",
            "PYTHONPATH": str(here),
            "SOURCE_DATE_EPOCH": EPOCH,
            "TMPDIR": str(work),
            "TZ": "UTC",
        }
    )
    os.umask(0o022)
    native_wheel_hook.install()
    return _backend_of(spec, source)


def run_backend(
    spec: dict[str, Any], backend: Any, built: Path, config_settings: dict[str, Any] | None
) -> str:
    """Build the package's own wheel into `built`; return its file name."""
    try:
        return str(backend.build_wheel(str(built), config_settings))
    except (Exception, SystemExit) as error:
        # How setuptools, and poetry's build scripts, say that the compiler failed: it has said why.
        if not isinstance(error, (SystemExit, subprocess.CalledProcessError)):
            traceback.print_exc()
        raise NativeWheelError(
            spec,
            f"'project' {spec['project']!r} {spec['version']} does not build: {error}. The output "
            "above says why. If the compiler refuses a flag, correct 'compile_args' "
            f"{spec['compile_args']} or 'link_args' {spec['link_args']} (it is "
            f"{spec['compiler']}); if a header is missing, install the package that has it.",
        ) from error


def _cxx_of(cc: str) -> str:
    directory, name = os.path.split(cc)
    cxx = {"gcc": "g++", "cc": "c++", "clang": "clang++"}.get(name, name)
    return os.path.join(directory, cxx)


def write_shim(path: Path, real: str, log: Path) -> None:
    """A compiler that writes down its command line before it runs."""
    path.write_text(
        "#!/bin/sh\n"
        f"printf '%s\\037' \"$@\" >>'{log}'\n"
        f"printf '\\036' >>'{log}'\n"
        f"exec '{real}' \"$@\"\n"
    )
    path.chmod(0o755)


def _backend_of(spec: dict[str, Any], source: Path) -> Any:
    build_system: dict[str, Any] = {}
    pyproject = source / "pyproject.toml"
    if pyproject.exists():
        build_system = tomllib.loads(pyproject.read_text()).get("build-system", {})
    name = build_system.get("build-backend", "setuptools.build_meta:__legacy__")
    for extra in reversed(build_system.get("backend-path", [])):
        sys.path.insert(0, str(source / extra))
    module, _, attribute = name.partition(":")
    try:
        backend: Any = importlib.import_module(module)
    except ImportError as error:
        raise NativeWheelError(
            spec,
            f"the package's build back end {name!r} cannot be imported ({error}). Add the "
            "distribution that has it to the requirements of 'build_resolve' and run "
            "`pants generate-lockfiles`.",
        ) from error
    for part in filter(None, attribute.split(".")):
        backend = getattr(backend, part)
    return backend


def read_commands(log: Path) -> list[list[str]]:
    """The command lines of the compiler, in the order they started."""
    if not log.exists():
        return []
    text = log.read_text(errors="surrogateescape")
    return [command.split("\037")[:-1] for command in text.split("\036") if command]


def verify_flags(spec: dict[str, Any], commands: list[list[str]]) -> None:
    """Every compile and link command must carry the flags of the target."""
    compiles = [c for c in commands if "-c" in c]
    links = [c for c in commands if "-shared" in c]
    if not compiles or not links:
        raise NativeWheelError(
            spec,
            f"'project' {spec['project']!r} {spec['version']} compiled no extension module, so "
            "there is nothing to optimise. Use a python_requirement for a pure Python package.",
        )
    for field, wanted, lines in (
        ("compile_args", spec["compile_args"], compiles),
        ("link_args", spec["link_args"], links),
    ):
        for arg in wanted:
            missing = [line for line in lines if arg not in line]
            if missing:
                raise NativeWheelError(
                    spec,
                    f"'{field}' has {arg!r}, which did not reach {len(missing)} of {len(lines)} "
                    f"compiler commands, e.g. `cc {' '.join(missing[0])}`. The package's build "
                    "script drops it; report this, or take the flag out.",
                )


def repack(spec: dict[str, Any], built: Path, destination: Path) -> str:
    """Drop what is excluded, add the record, write the same bytes every time."""
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
    (tree / dist_info / RECORD_NAME).write_text(
        json.dumps(provenance(spec), indent=1, sort_keys=True) + "\n"
    )
    (tree / dist_info / "RECORD").unlink()
    for path in tree.rglob("*"):
        executable = path.is_dir() or path.suffix in (".so", ".pyd")
        path.chmod(0o755 if executable else 0o644)
    destination.mkdir(parents=True, exist_ok=True)
    partial = built.parent / "repacked" / built.name
    partial.parent.mkdir()
    with WheelFile(str(partial), "w") as wheel:
        wheel.write_files(str(tree))
    shutil.move(str(partial), destination / built.name)
    return built.name


def provenance(spec: dict[str, Any]) -> dict[str, Any]:
    """What the wheel was made of, for `.dist-info/native_wheel.json`."""
    from importlib import metadata

    tools = {}
    for name in _BUILD_TOOLS:
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
        "compiler": spec["compiler"],
        "cython": tools.get("cython"),
        "build_requirements": tools,
        "python": ".".join(map(str, sys.version_info[:2])),
    }
