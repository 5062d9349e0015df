"""Makes the file that `[pex-cli]` names, of pex's own wheel: the same bytes on every machine.

    python3 -m qingkong_build.pex_tool build-support/pex

The pex that Pants 2.17 brings does not know CPython 3.12, and comes from a host that not every
machine reaches. This one comes from the package index, through the machine's pip and its settings.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

VERSION = "2.105.2"
# Of the wheel for Pants' own interpreter; there is another for newer ones.
WHEEL_SHA256 = "5a4d73fbeab30ddf70e360971cb19b9fa80b2a29cfe83e786215fcdd5ef1af9d"
_PYTHON = "3.9"
# On any Python that Pants or a lockfile may start it with. From an archive pex does not find all of
# its parts, so that it is unpacked.
_MAIN = """\
import atexit
import os
import shutil
import sys
import tempfile
import zipfile


def unpacked():
    # Below PEX_ROOT for all processes. Without it for this one only: no other user can be first.
    archive = os.path.dirname(os.path.abspath(__file__))
    root = os.path.abspath(os.environ["PEX_ROOT"]) if os.environ.get("PEX_ROOT") else None
    directory = None
    with zipfile.ZipFile(archive) as file:
        if root:
            os.makedirs(root, exist_ok=True)
            directory = os.path.join(root, "pex-tool-" + file.comment.decode("ascii"))
            if os.path.isdir(directory):
                return directory
        scratch = tempfile.mkdtemp(dir=root)
        # Whatever happens; after it is renamed there is nothing to remove.
        atexit.register(shutil.rmtree, scratch, ignore_errors=True)
        file.extractall(scratch)
    if directory is None:
        return scratch
    try:
        os.rename(scratch, directory)
    except OSError:
        # Another process was first, or it fails.
        if not os.path.isdir(directory):
            raise
    return directory


if __name__ == "__main__":
    sys.path[0] = unpacked()
    # As in a PEX: they have chosen this interpreter, and not those of what pex builds.
    for name in ("PEX_PYTHON", "PEX_PYTHON_PATH"):
        os.environ.pop(name, None)
    if os.environ.pop("PEX_SCRIPT", "pex") == "pex3":
        from pex.cli.pex import main
    else:
        from pex.bin.pex import main
    sys.exit(main())
"""


def download(directory: Path) -> Path:
    """The wheel, by the pip of this interpreter."""
    failed = f"pex_tool: downloading pex {VERSION} for CPython {_PYTHON}"
    if importlib.util.find_spec("pip") is None:
        raise SystemExit(
            f"{failed}: {sys.executable} has no pip. Fix: run pex_tool with a Python that has "
            f"it, or install it (`{sys.executable} -m ensurepip`, or the package python3-pip)."
        )
    requirements = directory / "requirements.txt"
    requirements.write_text(f"pex=={VERSION} --hash=sha256:{WHEEL_SHA256}\n")
    command = (
        *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"),
        *("--no-deps", "--only-binary=:all:", f"--python-version={_PYTHON}", "--require-hashes"),
        *("--dest", str(directory), "--requirement", str(requirements)),
    )
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no output"]
        raise SystemExit(
            f"{failed}: pip ended with {done.returncode}: {lines[-1]}. Fix: let pip reach a "
            "package index that has it (`pip config set global.index-url ...`)."
        )
    (wheel,) = directory.glob("*.whl")
    return wheel


def assemble(wheel: Path, target: Path, version: str = VERSION) -> None:
    """Write `target` of a wheel's files: uncompressed, sorted and without a time."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(wheel) as packed, target.open("wb") as file:
        file.write(b"#!/usr/bin/env python3\n")
        with zipfile.ZipFile(file, "w") as archive:
            archive.comment = version.encode()
            for name in sorted(packed.namelist()):
                archive.writestr(_entry(name), packed.read(name))
            archive.writestr(_entry("__main__.py"), _MAIN)
    target.chmod(0o755)


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)
    # Whatever system writes it.
    entry.create_system = 3
    entry.external_attr = 0o644 << 16
    return entry


def main(arguments: list[str]) -> None:
    if len(arguments) != 1:
        raise SystemExit("usage: python3 -m qingkong_build.pex_tool FILE")
    with tempfile.TemporaryDirectory() as directory:
        assemble(download(Path(directory)), Path(arguments[0]))


if __name__ == "__main__":
    main(sys.argv[1:])
