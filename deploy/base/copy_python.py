"""Copy a CPython installation into `/usr/local` of a root directory, as the official image has it.

Run it with the interpreter that is to be copied. What an image has no use for stays behind: the
test suite, IDLE, Tk, the static library, bytecode, and whatever was installed in site-packages
(pip is put there afresh, from the wheel that comes with Python). Every trace of the place where
the interpreter was built is replaced by `/usr/local`, in text and in binaries.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Mapping
from pathlib import Path

TARGET = "/usr/local"
LEFT_OUT = re.compile(
    r"(^|/)(__pycache__|test|tests|idle_test|idlelib|tkinter|turtledemo|lib2to3/tests)$"
    r"|^config-3[^/]*$"
    r"|^site-packages/."
    r"|^turtle\.py$"
    r"|^lib-dynload/(_tkinter|_test[a-z]*|_ctypes_test|_xxtestfuzz|xxlimited|xxsubtype)[._]"
    r"|\.(pyc|pyo|a)$"
)
LINKS = {
    "python3": "python3.12",
    "python": "python3",
    "pydoc3": "pydoc3.12",
    "pydoc": "pydoc3",
}


def copy_tree(source: Path, target: Path, left_out: re.Pattern[str] | None = None) -> None:
    def ignore(directory: str, names: list[str]) -> Iterable[str]:
        if left_out is None:
            return []
        inside = Path(directory).relative_to(source)
        return [name for name in names if left_out.search((inside / name).as_posix())]

    shutil.copytree(source, target, symlinks=True, ignore=ignore)


def is_elf(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def strip(path: Path) -> None:
    subprocess.run(["strip", "--strip-unneeded", str(path)], check=True)


def same_length(prefix: bytes) -> bytes:
    """The prefix with another head, as long as it was and with its last name kept.

    Linkers store "3.12.1" as the tail of ".../versions/3.12.1": neither the length nor the last
    name of a path inside a binary may change. Nothing looks for files at these places: Python
    finds its home from where it is, and the loader finds libpython through ldconfig.
    """
    head, slash, name = prefix.rpartition(b"/")
    return TARGET.encode().ljust(len(head), b"/") + slash + name


def forget(path: Path, places: Mapping[str, str]) -> None:
    """Replace places of this machine in a file by those of the image."""
    data = before = path.read_bytes()
    for here, there in places.items():
        old, new = here.encode(), there.encode()
        if is_elf(path):
            new = same_length(old)
            if len(new) != len(old):
                continue
        data = data.replace(old, new)
    if data != before:
        path.write_bytes(data)


def places_here() -> dict[str, str]:
    """Where this interpreter is and was built, and what that is called in the official image."""
    places = {str(Path(sys.base_prefix).resolve()): TARGET, sys.base_prefix: TARGET}
    built = sysconfig.get_config_var("abs_srcdir")
    if isinstance(built, str) and built.startswith("/") and built not in places:
        places[built] = "/usr/src/python"
    return places


def main(root: Path) -> None:
    home = Path(sys.base_prefix).resolve()
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    local = root / TARGET.lstrip("/")
    places = places_here()
    shutil.rmtree(local, ignore_errors=True)
    for name in ("bin", "lib", "include", "share"):
        (local / name).mkdir(parents=True)

    copy_tree(home / "lib" / version, local / "lib" / version, LEFT_OUT)
    (local / "lib" / version / "site-packages").mkdir(exist_ok=True)
    for library in sorted((home / "lib").glob("libpython3*.so*")):
        shutil.copy2(library, local / "lib" / library.name, follow_symlinks=False)
    if (home / "include" / version).is_dir():
        copy_tree(home / "include" / version, local / "include" / version)
    for name in (version, "pydoc3.12"):
        shutil.copy2(home / "bin" / name, local / "bin" / name)
    for name, target in LINKS.items():
        (local / "bin" / name).symlink_to(target)

    for path in sorted(local.rglob("*")):
        if path.is_symlink() or not path.is_file():
            continue
        if is_elf(path):
            strip(path)
        forget(path, places)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
