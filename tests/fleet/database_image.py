"""MariaDB of Debian as an image, for an engine that cannot have the official one.

It takes the variables, secrets and health check of the official image that deploy/compose uses.
The packages come from the mirrors of this machine's own apt, so that its proxies hold; an ordinary
user may do it.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from docker.errors import ImageNotFound
from docker.models.images import Image
from fleet.programs import run

from image.engine import Engine, EngineError, unique

OFFICIAL = "mariadb:10.11"
BASES = ("python:3.12-slim-bookworm", "qingkong-base:3.12-slim-bookworm-local")
SUITE = "bookworm"
PACKAGES = ("mariadb-server-core", "mariadb-client-core")

_HERE = Path(__file__).parent
_MIRRORS = Path("deploy/base/apt_sources.py")
_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
_SYSTEM = {
    "PATH": os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/bin", "/sbin", "/bin"]),
    "LC_ALL": "C",
}


@contextmanager
def database_image(engine: Engine, folder: Path) -> Iterator[str]:
    """The name of the official image where the engine has it, else of one that is made here."""
    try:
        engine.client.images.get(OFFICIAL)
    except ImageNotFound:
        pass
    else:
        yield OFFICIAL
        return
    base = debian_base(engine)
    context = folder / "context"
    shutil.copytree(_HERE / "database", context)
    download_packages(engine, base, folder / "apt", context / "packages", PACKAGES)
    name = unique("database")
    engine.client.images.build(
        path=str(context), tag=name, buildargs={"BASE": base.tags[0]}, rm=True, forcerm=True
    )
    try:
        yield name
    finally:
        engine.remove_image(name)


def debian_base(engine: Engine) -> Image:
    """A Debian of the release that the packages are for."""
    for name in BASES:
        try:
            return engine.client.images.get(name)
        except ImageNotFound:
            continue
    raise EngineError(
        f"none of {', '.join(BASES)} is in the container engine, and images with Debian's "
        "packages are made on one of them. Fix: run make image"
    )


def download_packages(
    engine: Engine, base: Image, work: Path, packages: Path, names: Sequence[str]
) -> None:
    """Download the packages, with those of their dependencies that the base lacks."""
    if shutil.which("apt-get", path=_SYSTEM["PATH"]) is None:
        raise EngineError(
            f"apt-get is not installed, which downloads {', '.join(names)} for an image. "
            f"Fix: install apt; or, for the database, docker pull {OFFICIAL}"
        )
    for directory in ("lists/partial", "cache/archives/partial"):
        (work / directory).mkdir(parents=True)
    done = engine.run(base, "cat", "/var/lib/dpkg/status")
    (work / "status").write_text(done.output, encoding="utf-8")
    architecture = engine.run(base, "dpkg", "--print-architecture").output.strip()
    (work / "sources.list").write_text(_sources(), encoding="utf-8")
    options = {
        "APT::Architecture": architecture,
        "APT::Architectures": architecture,
        "APT::Sandbox::User": "root",
        "Acquire::Languages": "none",
        "Dir::State": str(work),
        "Dir::State::status": str(work / "status"),
        "Dir::Cache": str(work / "cache"),
        "Dir::Etc::SourceList": str(work / "sources.list"),
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::Etc::Preferences": "/dev/null",
        "Dir::Etc::PreferencesParts": "/dev/null",
        "Debug::NoLocking": "1",
    }
    apt = ["apt-get", "-qq", "-y", *(f"-o{name}={value}" for name, value in options.items())]
    run([*apt, "update"], environment=_SYSTEM)
    run(
        [*apt, "--no-install-recommends", "--download-only", "install", *names],
        environment=_SYSTEM,
    )
    packages.mkdir()
    for file in (work / "cache" / "archives").glob("*.deb"):
        file.rename(packages / file.name)


def _sources() -> str:
    """The mirrors of this machine for the release of the base."""
    release = dict(
        line.split("=", 1)
        for line in Path("/etc/os-release").read_text(encoding="utf-8").splitlines()
        if "=" in line
    ).get("VERSION_CODENAME", "none")
    listed = run(
        [sys.executable, str(_MIRRORS), "--suite", SUITE, "--machine", release.strip('"')],
        environment=_SYSTEM,
    )
    lines = []
    for line in listed.splitlines():
        uri, suite, components, keyring = line.split()
        signed = _KEYRING if keyring == "-" else keyring
        lines.append(f"deb [signed-by={signed}] {uri} {suite} {components.replace(',', ' ')}\n")
    return "".join(lines)
