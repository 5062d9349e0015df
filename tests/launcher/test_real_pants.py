"""The real Pants, set up from the index that this machine's pip uses."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import tomllib
from pathlib import Path

from launcher.machines import RealStart


def test_pants_starts_in_a_path_with_spaces(real_start: RealStart) -> None:
    assert " " in str(real_start.machine.root)
    outcome = real_start.outcome()
    assert (outcome.code, outcome.stdout) == (0, "2.17.1\n"), outcome.stderr


def test_the_pex_tool_is_the_one_that_pants_toml_pins(real_start: RealStart) -> None:
    assert real_start.outcome().code == 0
    section = tomllib.loads(real_start.machine.pants_toml.read_text())["pex-cli"]
    pins = {tuple(pin.split("|")[2:]) for pin in section["known_versions"]}
    state = Path(real_start.machine.environment["HOME"], ".cache", "qingkong-build")
    [tool] = state.glob("tools/*/pex")
    data = tool.read_bytes()
    assert {(hashlib.sha256(data).hexdigest(), str(len(data)))} == pins


def test_pex_puts_no_password_into_addresses(real_start: RealStart, tmp_path: Path) -> None:
    """It would hand them to pip as arguments, which everyone can read."""
    assert real_start.outcome().code == 0
    [tool] = real_start.machine.state.glob("tools/*/pex")
    code = (
        "from pex.auth import PasswordEntry;"
        " print(PasswordEntry('someone', 'secret').maybe_inject_in_url('https://index.example/x'))"
    )
    done = subprocess.run(
        [real_start.machine.environment["PANTS_PYTHON39"], str(tool), "-c", code],
        env={"PEX_INTERPRETER": "1", "PEX_ROOT": str(tmp_path), "PATH": os.defpath},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "None\n"


def test_a_cache_below_a_path_with_a_space_is_refused(
    real_start: RealStart, tmp_path: Path
) -> None:
    assert real_start.outcome().code == 0
    caches = tmp_path / "named caches"
    outcome = real_start.machine.start("--version", PANTS_NAMED_CACHES_DIR=str(caches))
    outcome.failed(str(caches), "named_caches_dir", "QINGKONG_BUILD_CACHE=")


def test_the_native_client_runs_and_pants_is_what_the_list_locks(real_start: RealStart) -> None:
    assert real_start.outcome().code == 0
    state = Path(real_start.machine.environment["HOME"], ".cache", "qingkong-build")
    [stamp] = state.glob("pants-*/complete")
    client = stamp.parent / stamp.read_text().strip()
    assert client.name == "native_client"
    assert os.access(client, os.X_OK)
    listing = subprocess.run(
        [stamp.parent / "bin" / "python", "-I", "-m", "pip", "list", "--format", "json"],
        capture_output=True,
        check=True,
    )
    installed = {
        f"{re.sub('[-_.]+', '-', each['name']).lower()}=={each['version']}"
        for each in json.loads(listing.stdout)
    }
    locked = (real_start.machine.bootstrap / "pants.requirements.txt").read_text()
    pins = {line.split()[0] for line in locked.splitlines() if line[0] not in " #"}
    assert pins <= installed


def test_the_modules_of_pants_are_compiled_once(real_start: RealStart) -> None:
    """Whatever the caller's own Python does: else every start compiles them again."""
    assert real_start.machine.environment["PYTHONDONTWRITEBYTECODE"] == "1"
    assert real_start.outcome().code == 0
    [stamp] = real_start.machine.state.glob("pants-*/complete")
    (site_packages,) = stamp.parent.glob("lib/python3*/site-packages")
    compiled = {path.name.split(".")[0] for path in site_packages.glob("pants/bin/__pycache__/*")}
    assert {"pants_loader", "pants_runner", "local_pants_runner"} <= compiled


# Calls that make something in a file system, with what they are given.
_CALL = re.compile(
    r"(?P<call>open|openat|creat|mkdir|mkdirat|rename|renameat|renameat2|symlink|symlinkat"
    r"|link|linkat)\((?P<arguments>.*)\) = (?P<result>\d+)"
)


def made_paths(trace: str, directory: Path) -> set[Path]:
    """The paths that the last argument of each successful call names."""
    found = set()
    for match in _CALL.finditer(trace):
        if match["call"].startswith("open") and "O_CREAT" not in match["arguments"]:
            continue
        texts = re.findall(r'"((?:[^"\\]|\\.)*)"', match["arguments"])
        place = re.findall(r"<(/[^>]*)>", match["arguments"])
        if texts:
            found.add(Path(place[-1] if place else directory, texts[-1]))
    return found


def test_all_that_is_written_is_in_the_cache_or_in_the_repository(
    real_start: RealStart, tmp_path: Path
) -> None:
    """No process has HOME, and the account's own home is no place to write to all the same."""
    assert real_start.outcome().code == 0
    machine = real_start.machine
    (machine.root / "BUILD").write_text(
        'python_requirement(name="colors", requirements=["ansicolors==1.1.8"])\n'
        'pex_binary(name="old", dependencies=[":colors"], '
        'interpreter_constraints=["CPython==3.9.*"])\n'
        'pex_binary(name="new", dependencies=[":colors"], '
        'interpreter_constraints=["CPython==3.12.*"])\n'
    )
    temporary, cache, trace = tmp_path / "tmp", tmp_path / "cache", tmp_path / "trace"
    temporary.mkdir()
    environment = {
        **machine.environment,
        "TMPDIR": str(temporary),
        "QINGKONG_BUILD_CACHE": str(cache),
        "PANTS_BACKEND_PACKAGES": '["pants.backend.python"]',
        "PANTS_LOCAL_EXECUTION_ROOT_DIR": str(temporary),
    }
    # What is set up already may be used again: a set-up is traced by no one.
    cache.mkdir()
    for part in machine.state.iterdir():
        if part.name.startswith("pants-") or part.name == "tools":
            (cache / part.name).symlink_to(part)
    done = subprocess.run(
        [
            *("strace", "-f", "-qq", "-y", "-s", "4096", "-o", str(trace)),
            *("-e", "trace=/^(open|creat|mkdir|rename|symlink|link)"),
            *(str(machine.root / "pants"), "--no-pantsd", "--no-python-enable-resolves"),
            *("package", "::"),
        ],
        cwd=machine.root,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (machine.root / "dist").iterdir()} == {"old.pex", "new.pex"}
    made = made_paths(trace.read_text(errors="replace"), machine.root)
    assert any(cache in path.parents for path in made)
    places = (cache, temporary, machine.root, Path("/dev"), Path("/proc"))
    real = {Path(os.path.realpath(path)) for path in places} | set(places)
    outside = {path for path in made if not real & {path, *path.parents}}
    # A set-up that is linked to writes bytecode where it really is.
    outside = {path for path in outside if machine.state not in path.parents}
    # Told of no temporary folder, Python proves that it can write to the system's.
    outside = {path for path in outside if path.parent != Path("/tmp") or path.exists()}
    assert outside == set()
