"""Install one wheel to a directory, with PyPA's `installer`, for a layer of an image.

Runs nothing of the wheel, and does not look at the interpreter that it runs on: any machine can
install the wheels of any platform. Left out are the files that the patterns match, headers, and
scripts, whose first line would name an interpreter of the build machine. RECORD lists exactly
the files that are there. A file is executable where the archive says so, or where `--modes` gives
the list: a build backend that copies files has the modes of its sandbox in the archive. Exits 1
with one message on any error.
"""

from __future__ import annotations

import argparse
import base64
import csv
import fnmatch
import hashlib
import io
import os
import sys
import warnings
import zipfile
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from installer import install
from installer.destinations import WheelDestination
from installer.exceptions import InstallerError
from installer.records import Hash, RecordEntry
from installer.sources import WheelFile
from installer.utils import Scheme
from strip_elf import strip

if TYPE_CHECKING:
    from installer.scripts import ScriptSection

_INSTALLER = b"image_layer\n"
_DROPPED_SCHEMES = ("scripts", "headers")


class InstallError(Exception):
    """What went wrong, where, with which value, and the fix."""


class LayerDestination(WheelDestination):
    """Writes the importable files of a wheel below one directory."""

    def __init__(
        self,
        directory: str,
        exclude: tuple[str, ...],
        *,
        strip_libraries: bool,
        executables: Collection[str] | None,
    ) -> None:
        self._directory = directory
        self._executables = executables
        self._exclude = exclude
        self._strip = strip_libraries
        self._written: dict[str, tuple[str, int]] = {}

    def write_script(
        self, name: str, module: str, attr: str, section: ScriptSection
    ) -> RecordEntry:
        return RecordEntry(name, None, None)

    def write_file(
        self,
        scheme: Scheme,
        path: str | os.PathLike[str],
        stream: BinaryIO,
        is_executable: bool,
    ) -> RecordEntry:
        relative = os.path.normpath(os.fspath(path))
        if scheme in _DROPPED_SCHEMES or self._excluded(relative, scheme):
            return RecordEntry(relative, None, None)
        if scheme == "data":
            raise InstallError(
                f"it has {relative!r} for the interpreter's prefix, which is outside of the "
                f"layer's 'path'. Add '*.data/data/{relative}' to the 'exclude' field if the "
                "image does not need it."
            )
        if os.path.isabs(relative) or relative.startswith(".."):
            raise InstallError(
                f"it has {relative!r}, a file outside of its directory. Do not use this wheel."
            )
        if relative in self._written:
            raise InstallError(f"it has {relative!r} twice. Require another version.")
        content = stream.read()
        if self._strip:
            content = strip(content)
        if self._executables is not None:
            is_executable = relative in self._executables
        self._write(relative, content, 0o755 if is_executable else 0o644)
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
        self._written[relative] = (digest, len(content))
        return RecordEntry(relative, Hash("sha256", digest), len(content))

    def finalize_installation(
        self,
        scheme: Scheme,
        record_file_path: str,
        records: Iterable[tuple[Scheme, RecordEntry]],
    ) -> None:
        if self._excluded(record_file_path, scheme):
            return
        text = io.StringIO()
        rows = csv.writer(text, lineterminator="\n")
        rows.writerows(
            (path, f"sha256={digest}", size)
            for path, (digest, size) in sorted(self._written.items())
        )
        rows.writerow((record_file_path, "", ""))
        self._write(record_file_path, text.getvalue().encode(), 0o644)

    def _excluded(self, relative: str, scheme: Scheme) -> bool:
        path = f"wheel.data/data/{relative}" if scheme == "data" else relative
        return any(fnmatch.fnmatchcase(path, pattern) for pattern in self._exclude)

    def _write(self, relative: str, content: bytes, mode: int) -> None:
        target = Path(self._directory, relative)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        target.chmod(mode)


def install_wheel(
    wheel: str,
    directory: str,
    exclude: Iterable[str] = (),
    *,
    strip_libraries: bool = False,
    executables: Collection[str] | None = None,
) -> None:
    """Install the file `wheel` below `directory`. Raises `InstallError`.

    Args:
        wheel: the archive.
        directory: where its files go.
        exclude: patterns of files to leave out.
        strip_libraries: whether to cut off what is never loaded of libraries.
        executables: the files to make executable; None for those that the archive says are.
    """
    destination = LayerDestination(
        directory, tuple(exclude), strip_libraries=strip_libraries, executables=executables
    )
    try:
        with warnings.catch_warnings(), WheelFile.open(Path(wheel)) as source:
            # Bytecode that came with a wheel: it is left out.
            warnings.simplefilter("ignore", RuntimeWarning)
            install(source, destination, {"INSTALLER": _INSTALLER})
    except (InstallError, InstallerError, zipfile.BadZipFile, KeyError, ValueError) as error:
        invalid = "" if isinstance(error, InstallError) else "it is no valid wheel: "
        raise InstallError(
            f"{os.path.basename(wheel)} cannot be installed: {invalid}{error}"
        ) from error


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--wheel", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--exclude", action="append", default=[])
    parser.add_argument("--strip", action="store_true")
    parser.add_argument("--modes", type=argparse.FileType(encoding="utf-8"))
    args = parser.parse_args(argv)
    try:
        install_wheel(
            args.wheel,
            args.out,
            args.exclude,
            strip_libraries=args.strip,
            executables=args.modes and frozenset(args.modes.read().splitlines()),
        )
    except InstallError as error:
        print(f"qingkong_build.oci.layers: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
