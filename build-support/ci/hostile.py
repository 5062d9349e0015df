"""A build from nothing under settings that are hostile and legal, and what it must leave behind.

Empty caches and another home; a clone in a path with spaces and letters that are not ASCII; a pip
configuration of the system with a constraint and the like, and one of the user with an index that
wants a password and has a certificate of a private authority; a locale that does not exist; a umask
that lets in no one else; a container engine that does not exist, and that nothing here needs.

Run by hostile.sh. Works on what is committed.
"""

from __future__ import annotations

import argparse
import os
import pwd
import secrets
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote
from xml.etree import ElementTree

from ci.password_index import PasswordIndex, password_index
from ci.process_arguments import ProcessArguments

REPORT = Path("dist", "test", "reports", "hostile.xml")
_LIMIT_SECONDS = 1500
_LOGIN = "someone"
_BUILD = """\
pex_binary(
    name="old",
    dependencies=["3rdparty/tools:plugins#packaging"],
    resolve="plugins",
    interpreter_constraints=["CPython==3.9.*"],
)
pex_binary(name="new", dependencies=["3rdparty/prod#aiosqlite@resolve=prod"], resolve="prod")
requirements_layer(
    name="orm",
    resolve="prod",
    path="/site",
    distributions=["aiosqlite", "iso8601", "pypika-tortoise", "tortoise-orm"],
)
requirements_layer(name="rest", resolve="prod", path="/site")
"""
_TARGETS = (
    "hostile:old",
    "hostile:new",
    "hostile:orm",
    "3rdparty/native_examples:simplejson",
)
_SYSTEM_PIP = """\
[global]
constraint = /etc/xdg/pip/none-of-these.txt
no-index = false
extra-index-url = https://127.0.0.1:1/other
[install]
require-hashes = true
user = true
target = {folder}/target
no-deps = true
"""
# Whatever follows them has none of what is built here.
_CONSTRAINTS = "ansicolors<1\naiosqlite<0.1\npackaging<1\npex<1\npip<1\nsetuptools<1\n"


@dataclass(frozen=True)
class Place:
    """Where all of it is: `folder` is removed afterwards.

    Attributes:
        password: as it is; `token` is a part of it that no quoting changes.
    """

    folder: Path
    token: str

    @property
    def password(self) -> str:
        return f"p@ss:{self.token}"

    @property
    def home(self) -> Path:
        # Programs of pex do not start from a path with a space: the launcher refuses it.
        return self.folder / "Zuhause-ü"

    @property
    def clone(self) -> Path:
        return self.folder / "Ein Übungs-Klon 克隆" / "the repository"

    @property
    def dist(self) -> Path:
        return self.clone / "dist"

    @property
    def account_cache(self) -> Path:
        """What lies over the cache in the account's own home, which nothing may write to."""
        return self.folder / "account-cache"

    @property
    def log(self) -> Path:
        return self.folder / "output.log"


def prepare(place: Place, index: PasswordIndex) -> None:
    for folder in (place.home, place.account_cache, place.folder / "tmp"):
        folder.mkdir(mode=0o700)
    shutil.copytree("/etc", place.folder / "etc", symlinks=True)
    etc = place.folder / "etc"
    for name in ("pip.conf", "xdg/pip/pip.conf"):
        file = etc / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(_SYSTEM_PIP.format(folder=place.folder))
    (etc / "xdg" / "pip" / "none-of-these.txt").write_text(_CONSTRAINTS)
    settings = place.home / ".config" / "pip" / "pip.conf"
    settings.parent.mkdir(parents=True)
    url = index.url.replace("//", f"//{_LOGIN}:{quote(place.password, safe='')}@")
    settings.write_text(f"[global]\nindex-url = {url}\ncert = {index.authority}\n")
    place.clone.parent.mkdir()
    clone = ["git", "clone", "--quiet", str(Path.cwd()), str(place.clone)]
    subprocess.run(clone, check=True, umask=0o077)
    (place.clone / "hostile").mkdir()
    (place.clone / "hostile" / "BUILD").write_text(_BUILD)


def variables(place: Place) -> dict[str, str]:
    """All that the build has of the environment."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "PANTS_PYTHON39": os.environ["PANTS_PYTHON39"],
        "PANTS_PYTHON312": os.environ["PANTS_PYTHON312"],
        "HOME": str(place.home),
        "TMPDIR": str(place.folder / "tmp"),
        "LANG": "xx_YY.ISO-8859-1",
        "LC_ALL": "POSIX",
        "DOCKER_HOST": f"unix://{place.folder}/no-engine.sock",
        "TERM": "dumb",
    }


def build(place: Place) -> int:
    """Run it, showing what it says; returns its exit code."""
    account = Path(pwd.getpwuid(os.getuid()).pw_dir, ".cache")
    mounts = [(place.folder / "etc", Path("/etc"))]
    mounts += [(place.account_cache, account)] if account.is_dir() else []
    script = "set -e\n"
    for source, target in mounts:
        script += f"mount --bind {shlex.quote(str(source))} {shlex.quote(str(target))}\n"
    script += f"umask 0077\nexec ./pants --no-dynamic-ui package {shlex.join(_TARGETS)}\n"
    # An ordinary user becomes root in a namespace of users.
    user = [] if os.getuid() == 0 else ["--map-root-user"]
    process = subprocess.Popen(
        ["unshare", *user, "--mount", "sh", "-c", script],
        cwd=place.clone,
        env=variables(place),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    deadline = time.monotonic() + _LIMIT_SECONDS
    assert process.stdout is not None
    with place.log.open("w") as log, process:
        for line in process.stdout:
            log.write(line)
            print(f"  {line}", end="", flush=True)
            if time.monotonic() > deadline:
                os.killpg(process.pid, signal.SIGTERM)
    return process.returncode


def stop_daemon(place: Place) -> None:
    for file in (place.clone / ".pids").glob("*/pantsd/pid"):
        pid = int(file.read_text())
        deadline = time.monotonic() + 60
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
            while time.monotonic() < deadline:
                os.kill(pid, 0)
                time.sleep(0.1)
            os.kill(pid, signal.SIGKILL)


def check_outputs(place: Place) -> Iterator[str]:
    """What was asked for is there, and runs."""
    for name, python, module in (
        ("old", "PANTS_PYTHON39", "packaging"),
        ("new", "PANTS_PYTHON312", "aiosqlite"),
    ):
        pex = place.dist / "hostile" / f"{name}.pex"
        code = f"import {module}, sys; print(*sys.version_info[:2])"
        done = subprocess.run(
            [os.environ[python], str(pex), "-c", code],
            env={"PEX_ROOT": str(place.folder / "tmp" / "pex_root"), "PATH": os.defpath},
            capture_output=True,
            text=True,
        )
        if done.returncode != 0:
            yield f"{pex.name} does not run: {done.stderr.strip()[-500:]}"
    if not list(place.dist.glob("simplejson-*.whl")):
        yield "the native wheel is not in dist/"
    if not list(place.dist.glob("hostile/orm.tar")):
        yield "the layer is not in dist/"


def check_index(index: PasswordIndex) -> Iterator[str]:
    """It was the index of this build, and it asked for the password."""
    for file in ("pantsbuild.pants-", "simplejson-", "aiosqlite-", "tortoise_orm-", "packaging-"):
        if not any(name.startswith(file) for name in index.files):
            yield f"no {file}* was downloaded from the index with the password"
    yield from (f"the index failed: {failure}" for failure in index.failures)


def check_arguments(arguments: ProcessArguments) -> Iterator[str]:
    if arguments.looks < 10:
        yield f"looked only {arguments.looks} times"
    for seen in arguments.seen[:3]:
        shown = seen.replace(b"\0", b" ").decode(errors="replace")
        yield f"an argument had the password: {shown[:600]}"


def check_files(place: Place) -> Iterator[str]:
    """No file has the password but the user's settings and the launcher's private folder."""
    done = subprocess.run(
        ["grep", "-rlaF", place.token, str(place.folder)],
        capture_output=True,
        env={**os.environ, "LC_ALL": "C"},
    )
    settings = place.home / ".config" / "pip" / "pip.conf"
    found = [Path(os.fsdecode(line)) for line in done.stdout.splitlines()]
    if settings not in found:
        yield "grep does not work: it did not find the user's settings"
    for path in found:
        if path != settings and path.parent.name != "private":
            yield f"{path.relative_to(place.folder)} has the password"
    # What is packed, grep does not see.
    for file in place.dist.rglob("*"):
        if file.is_file() and zipfile.is_zipfile(file):
            with zipfile.ZipFile(file) as archive:
                for name in archive.namelist():
                    if place.token.encode() in archive.read(name):
                        yield f"{file.name}, {name} has the password"


def check_private(place: Place) -> Iterator[str]:
    """What the launcher keeps of the password is for this user only."""
    private = list((place.home / ".cache" / "qingkong-build" / "private").iterdir())
    if not private:
        yield "the launcher has no private folder"
    for path in (*private, private[0].parent):
        if path.stat().st_mode & 0o077:
            yield f"{path} can be read by others"


def check_places(place: Place) -> Iterator[str]:
    """Nothing is written to the account's own cache, nor left in the directory for the moment."""
    for path in place.account_cache.iterdir():
        yield f"{path.name} was written to the cache of the account's own home"
    for path in (place.folder / "tmp").glob("qingkong_network_*"):
        yield f"{path.name} is left in TMPDIR"
    if (place.folder / "target").exists():
        yield "pip installed to the target that the system's configuration names"


def check_output(place: Place) -> Iterator[str]:
    text = place.log.read_text(errors="replace")
    if "no-engine.sock" in text:
        yield "something asked for a container engine"
    if "constraint" not in text:
        yield "no line says that the constraint is ignored"
    if "Traceback" in text:
        yield "the output has a traceback"


def write_report(cases: Mapping[str, list[str]], seconds: float) -> None:
    """As JUnit writes it; build-support/policy/junit_summary.py reads it."""
    suite = ElementTree.Element("testsuite", name="hostile", time=f"{seconds:.1f}")
    for name, faults in cases.items():
        case = ElementTree.SubElement(suite, "testcase", classname="hostile", name=name)
        if faults:
            ElementTree.SubElement(case, "failure", message=faults[0]).text = "\n".join(faults)
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    ElementTree.ElementTree(suite).write(REPORT, encoding="utf-8", xml_declaration=True)


def run(place: Place) -> dict[str, list[str]]:
    """Each check by its name, and what it found wrong."""
    secret = place.folder / "index"
    secret.mkdir(mode=0o700)
    with password_index(secret, _LOGIN, place.password) as index:
        prepare(place, index)
        with ProcessArguments(place.token, pause=0.02) as arguments:
            try:
                code = build(place)
            finally:
                stop_daemon(place)
        checks: dict[str, Callable[[], Iterator[str]]] = {
            "the outputs are built and run": lambda: check_outputs(place),
            "the index with the password was used": lambda: check_index(index),
            "no argument has the password": lambda: check_arguments(arguments),
            "no file has the password": lambda: check_files(place),
            "what has it is private": lambda: check_private(place),
            "nothing is written elsewhere": lambda: check_places(place),
            "the output says what it must": lambda: check_output(place),
        }
        cases = {"the build succeeds": [f"it exited {code}"] if code else []}
        cases.update((name, list(check())) for name, check in checks.items())
    return cases


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--keep", action="store_true", help="keep what it made, to look at")
    options = parser.parse_args()
    start = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="hostile-"))
    try:
        cases = run(Place(folder, secrets.token_hex(12)))
    finally:
        if options.keep:
            print(f"kept: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    seconds = time.monotonic() - start
    write_report(cases, seconds)
    for name, faults in cases.items():
        print(f"{name}: {'; '.join(faults) or 'ok'}")
    failed = sum(bool(faults) for faults in cases.values())
    print(f"{len(cases) - failed} of {len(cases)} checks passed in {seconds:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
