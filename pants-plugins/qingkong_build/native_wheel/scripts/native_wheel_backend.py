"""Builds a package by its own PEP 517 back end: same package, our flags, proved afterwards.

    native_wheel_backend.py --out=DIRECTORY

Run by Pants in a directory that holds `native_wheel_spec.json` and the source distribution.
Each step either does what the target asks for or ends the build with one message.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import importlib
import json
import os
import sys
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path
from typing import Any

import native_wheel_cross
import native_wheel_hook
import native_wheel_parallel
import native_wheel_patch
from native_wheel_errors import NativeWheelError
from native_wheel_output import BUILD_LOG, captured, failure, print_unexpected, write_shim
from native_wheel_probes import Command, modules_of, without_probes
from native_wheel_repack import provenance, repack

# The flat tree of the locked build requirements, and the wheels it is made of if it is not there.
BUILD_TREE = "build_requirements"
BUILD_WHEELS = "build_wheels"
# All that a build makes, and its virtual environment.
WORK = "work"
# The command lines of the compiler, in the work directory: one file for each of its processes.
COMPILER_LOG = "compiler.log"
# Where processes of the build write down that they reached out, in the work directory.
NETWORK_LOG = "network.log"
# The target's patches, named by their place in the field.
PATCHES = "native_wheel_patches"
# 1980-01-01, the earliest time a zip file can carry.
EPOCH = "315532800"


def build_wheel(wheel_directory: str, jobs: int | None = None) -> str:
    """Build the wheel into `wheel_directory` and return its file name.

    `jobs` is how many processes may run beside each other: by default one for each processor. The
    wheel does not depend on it.
    """
    jobs = jobs or native_wheel_parallel.processors()
    spec = json.loads(Path("native_wheel_spec.json").read_text())
    destination = Path(wheel_directory).resolve()
    work = Path(WORK).resolve()
    build_tree = Path(BUILD_TREE).resolve()
    isolated = isolate_network()
    if not build_tree.exists():
        unpack_wheels(Path(BUILD_WHEELS), build_tree)
    source = unpack(spec, work)
    patches = apply_patches(spec, source)
    log = work / COMPILER_LOG
    backend = prepare_process(spec, source, work, log, jobs)
    os.chdir(source)
    built = work / "wheel"
    built.mkdir()
    name = run_backend(spec, backend, built)
    refuse_network(spec, work / NETWORK_LOG)
    commands = without_probes(read_commands(log), modules_of(built / name))
    verify_flags(spec, [command.words for command in commands])
    record = provenance(spec, patches=patches, isolated=isolated)
    return repack(spec, built / name, destination, record, build_tree)


def enter_virtual_environment() -> None:
    """Go on in an environment of the same interpreter that has nothing but its library.

    What somebody has installed for the interpreter must not take part in a build: setuptools and
    others load whatever registers itself with them.
    """
    if sys.prefix != sys.base_prefix:
        return
    venv.create(WORK, symlinks=True)
    python = str(Path(WORK, "bin", "python").absolute())
    os.execv(python, [python, "-E", "-s", "-B", *sys.argv])


def unpack_wheels(wheels: Path, tree: Path) -> None:
    """Install wheels, whose hashes are those of a lockfile, for imports: no scripts, no headers."""
    for path in sorted(wheels.iterdir()):
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                parts = member.filename.split("/")
                if parts[0].endswith(".data"):
                    if parts[1] not in ("purelib", "platlib"):
                        continue
                    member.filename = "/".join(parts[2:])
                # Absolute names and `..` stay inside.
                archive.extract(member, tree)


def isolate_network() -> bool:
    """Leave this process and its children without network; whether the kernel allowed it.

    In a network namespace of its own, a process has not even a loopback interface that is up.
    """
    if not hasattr(os, "unshare"):
        return False
    try:
        os.unshare(os.CLONE_NEWNET)
    except OSError:
        uid, gid = os.getuid(), os.getgid()
        try:
            # Who is not root may do it in a user namespace, unless that is turned off
            # (sysctl kernel.unprivileged_userns_clone, AppArmor, a container's seccomp profile).
            os.unshare(os.CLONE_NEWUSER | os.CLONE_NEWNET)
        except OSError:
            return False
        # The same user and group as outside, or files would seem to be the user nobody's. They are
        # readable and writable all the same.
        with contextlib.suppress(OSError):
            Path("/proc/self/setgroups").write_text("deny")
            Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
            Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
    return True


def apply_patches(spec: dict[str, Any], source: Path) -> list[dict[str, str]]:
    """Apply the target's patches in order; return name and hash of each for the record."""
    applied = []
    for number, name in enumerate(spec["patches"]):
        content = Path(PATCHES, str(number)).read_bytes()
        try:
            native_wheel_patch.apply(content, source)
        except native_wheel_patch.PatchError as error:
            raise NativeWheelError(
                spec,
                f"'patches' has {name!r}, which does not apply to {spec['sdist']}: {error}. "
                "Nothing was compiled. Make the patch again from these sources (and those that "
                "come before it in the field), or take it out.",
            ) from error
        applied.append({"name": name, "sha256": hashlib.sha256(content).hexdigest()})
    return applied


def macro_args(spec: dict[str, Any]) -> list[str]:
    """The macros of the target as compiler arguments."""
    return [
        f"-D{name}={value}" if value else f"-D{name}"
        for name, value in sorted(spec["define_macros"].items())
    ]


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


def prepare_process(
    spec: dict[str, Any], source: Path, work: Path, log: Path, jobs: int = 1
) -> Any:
    """Set environment and hook of this process and its children; return the package's back end."""
    bin_dir = work / "bin"
    bin_dir.mkdir(exist_ok=True)
    compiler = spec["compiler_path"]
    shims = {"cc": compiler, "cxx": _cxx_of(compiler)}
    for name, real in shims.items():
        write_shim(bin_dir / name, real, log)
    for tool in ("python", "python3"):
        if not (bin_dir / tool).exists():
            (bin_dir / tool).symlink_to(sys.executable)
    config: dict[str, Any] = {
        "cc": str(bin_dir / "cc"),
        "cxx": str(bin_dir / "cxx"),
        # Like macros of the extension's own, but after them, so that these win.
        "compile_args": [*macro_args(spec), *spec["compile_args"]],
        "link_args": [
            *spec["link_args"],
            *native_wheel_parallel.link_args(
                jobs, spec["link_args"], spec["compiler"], spec["search_path"]
            ),
        ],
        "jobs": jobs,
        "work": str(work),
        "build_requirements": str(Path(BUILD_TREE).absolute()),
        "network_log": str(work / NETWORK_LOG),
    }
    home = work / "home"
    home.mkdir()
    os.environ.clear()
    os.environ.update(spec["env_vars"])
    os.environ.update(
        {
            "CC": config["cc"],
            "CXX": config["cxx"],
            "HOME": str(home),
            "LC_ALL": "C.UTF-8",
            native_wheel_hook.ENV_VAR: json.dumps(config),
            "PATH": os.pathsep.join([str(bin_dir), *spec["search_path"]]),
            "PYTHONHASHSEED": "0",
            # The hook, for each Python process.
            "PYTHONPATH": str(Path(__file__).absolute().parent),
            "SOURCE_DATE_EPOCH": EPOCH,
            "TMPDIR": str(work),
            "TZ": "UTC",
        }
    )
    if "machine" in spec:
        os.environ.update(native_wheel_cross.variables(spec["machine"]))
        native_wheel_cross.check_headers(spec)
    os.umask(0o022)
    native_wheel_hook.install()
    return _backend_of(spec, source)


def run_backend(spec: dict[str, Any], backend: Any, built: Path) -> str:
    """Build the package's own wheel into `built`; return its file name."""
    work = built.parent
    try:
        with captured(work / BUILD_LOG):
            try:
                return str(backend.build_wheel(str(built)))
            except (Exception, SystemExit) as error:
                print_unexpected(error)
                raise
    except (Exception, SystemExit) as error:
        refuse_network(spec, work / NETWORK_LOG)
        raise failure(spec, error, work, work / COMPILER_LOG) from error


def refuse_network(spec: dict[str, Any], log: Path) -> None:
    """End a build that reached out, also one that went on without what it did not get."""
    if not log.exists():
        return
    attempts = list(dict.fromkeys(log.read_text(errors="replace").splitlines()))
    raise NativeWheelError(
        spec,
        f"the build of 'project' {spec['project']!r} {spec['version']} tried to reach the network "
        f"({'; '.join(attempts[:3])}), and builds have none: what they would get is not pinned. "
        "Turn it off by 'env_vars' if the package has a setting for it, take it out by "
        "'patches', or add what it downloads to the requirements of 'build_resolve'.",
    )


def _cxx_of(cc: str) -> str:
    directory, name = os.path.split(cc)
    # Of a cross compiler only the last part is that name.
    target, dash, short = name.rpartition("-")
    cxx = {"gcc": "g++", "cc": "c++", "clang": "clang++"}.get(short, short)
    return os.path.join(directory, f"{target}{dash}{cxx}")


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


def read_commands(log: Path) -> list[Command]:
    """What the compiler was started with, in an order that is that of no two builds."""
    files = sorted(log.iterdir()) if log.exists() else []
    text = "".join(file.read_text(errors="surrogateescape") for file in files)
    records = (record.split("\037")[:-1] for record in text.split("\036"))
    # A compiler that was killed while it wrote leaves one without an end.
    return [Command(fields[0], fields[1:]) for fields in records if fields]


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
        ("define_macros", macro_args(spec), compiles),
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


def main(argv: list[str]) -> int:
    enter_virtual_environment()
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", required=True)
    build_wheel(parser.parse_args(argv).out)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
