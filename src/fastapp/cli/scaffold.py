"""Making projects and apps from the packaged templates."""

from __future__ import annotations

import contextlib
import importlib.util
import keyword
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template

from fastapp.exceptions import CommandError

#: Templates have this ending, so that no tool takes them for what they will become.
SUFFIX = ".tpl"
#: Stands for the dot of a file name: globs leave files with a dot out.
DOT = "dot-"
#: Pants takes whatever is named ``BUILD`` or ``BUILD.*`` for a BUILD file.
BUILD = "BUILD-file"

_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
#: Of those, what registries take for an image's name.
_IMAGE_NAME = re.compile(r"[a-z0-9]+(?:__?[a-z0-9]+)*\Z")


def check_name(kind: str, name: str) -> None:
    """Refuse a name that could not be used as a Python package, or that would hide one.

    Raises:
        CommandError: says why.
    """
    where = f"{kind} name {name!r}"
    if not _NAME.match(name):
        raise CommandError(
            f"{where}: expected lower-case letters, digits and '_', beginning with a letter. "
            "Fix: choose another name, such as 'shop'"
        )
    if keyword.iskeyword(name) or keyword.issoftkeyword(name):
        raise CommandError(f"{where}: it is a keyword of Python. Fix: choose another name")
    if name in sys.stdlib_module_names:
        raise CommandError(
            f"{where}: it is a module of Python's standard library. Fix: choose another name"
        )
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        spec = None
    # A plain folder on the path is a namespace package, and hides nothing.
    if spec is not None and spec.origin is not None:
        raise CommandError(
            f"{where}: it is an installed package ({spec.origin}). Fix: choose another name"
        )


def render(template: str, values: Mapping[str, str]) -> dict[str, str]:
    """Text of each file that a template makes, by its path."""
    text_by_path = {}
    for path, text in _templates(files("fastapp") / "templates" / template, ""):
        folder, _, name = path.rpartition("/")
        name = name.removesuffix(SUFFIX)
        if name == BUILD:
            name = "BUILD"
        if name.startswith(DOT):
            name = f".{name.removeprefix(DOT)}"
        try:
            text_by_path[f"{folder}/{name}".lstrip("/")] = Template(text).substitute(values)
        except (KeyError, ValueError) as exc:
            raise CommandError(
                f"template {template}/{path}: {exc!r}. Fix: install fastapp again"
            ) from exc
    if not text_by_path:
        raise CommandError(
            f"the templates of {template!r} are missing from this installation. "
            "Fix: install fastapp again"
        )
    return text_by_path


def refuse_existing(path: Path) -> None:
    """Refuse to write something that exists, even as a link that leads nowhere.

    Raises:
        CommandError: it exists.
    """
    if path.exists() or path.is_symlink():
        raise CommandError(
            f"{path} exists; nothing was written. Fix: choose another name, or remove it"
        )


def write(target: Path, text_by_path: Mapping[str, str]) -> None:
    """Make a folder with these files, wholly or not at all.

    A folder that exists is completed, when none of the files and folders to make is in it.

    Raises:
        CommandError: something is in the way, or cannot be written.
    """
    entries = sorted({path.split("/")[0] for path in text_by_path})
    for entry in entries:
        refuse_existing(target / entry)
    existed = target.is_dir()
    if not existed and (target.exists() or target.is_symlink()):
        raise CommandError(
            f"{target} exists and is no folder; nothing was written. "
            "Fix: choose another name, or remove it"
        )
    base = target if existed else target.parent
    if not base.is_dir():
        raise CommandError(
            f"there is no folder {base}; nothing was written. Fix: make it, or choose another"
        )
    try:
        # Beside what it becomes, as only a rename inside one file system is done at once.
        temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=base))
        try:
            _fill(temporary, text_by_path)
            if existed:
                _move_entries(temporary, target, entries)
            else:
                temporary.rename(target)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except OSError as exc:
        raise CommandError(
            f"cannot write {target}: {exc.strerror or exc}; nothing was written. "
            f"Fix: make {base} a folder that you may write to, with space left"
        ) from exc


def write_all(files_by_folder: Mapping[Path, Mapping[str, str]]) -> None:
    """Write all of these folders, or none of them.

    A parent that is missing is made; its own parent must exist. When one folder cannot be written,
    those that were are removed again, and so are the new parents that nothing else has been put in.

    Args:
        files_by_folder: text by path of each folder, as for :func:`write`; none of the folders
            exists.

    Raises:
        CommandError: something is in the way, or cannot be written.
    """
    written_folders: list[Path] = []
    new_parents: list[Path] = []
    for folder in files_by_folder:
        refuse_existing(folder)
    try:
        for folder, text_by_path in files_by_folder.items():
            if not folder.parent.is_dir():
                _make_folder(folder.parent)
                new_parents.append(folder.parent)
            write(folder, text_by_path)
            written_folders.append(folder)
    except BaseException:
        for folder in written_folders:
            shutil.rmtree(folder, ignore_errors=True)
        for parent in new_parents:
            # Someone else may have put something there meanwhile.
            with contextlib.suppress(OSError):
                parent.rmdir()
        raise


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir()
    except OSError as exc:
        raise CommandError(
            f"cannot make the folder {folder}: {exc.strerror or exc}; nothing was written. Fix: "
            "make it a folder that you may write to"
        ) from exc


def pants_fields(project: Path, *parts: str) -> str:
    """The fields of the test targets in a BUILD file, as lines of Python.

    Tests have to be told what they need, as it is loaded by name. Inside a Pants repository that
    has the framework's sources, that is these too.

    Args:
        project: folder of the project, which may be anywhere in the repository.
        *parts: folders in it that the tests need.
    """
    project = project.resolve()
    root = _pants_root(project) or project
    needed = [(project / part).relative_to(root).as_posix() for part in parts]
    fields = []
    if (root / "src" / "fastapp").is_dir():
        needed = ["3rdparty/dev#pytest-asyncio", *needed, "src/fastapp", "src/fastapp/test"]
        fields.append('            resolve="dev",')
    fields += [
        "            dependencies=[",
        *(f'                "{one}",' for one in needed),
        "            ],",
    ]
    return "\n".join(fields)


def service_folder(project: Path, name: str) -> Path | None:
    """Where the target of a service is to be, of an app of this name.

    None unless the project is the one beside the framework's sources: targets of services are for
    its apps alone.

    Raises:
        CommandError: no image can have the name.
    """
    root = _pants_root(project.resolve())
    if root is None or project.resolve() != root / "src" or not (root / "src/fastapp").is_dir():
        return None
    if not _IMAGE_NAME.match(name):
        better = re.sub("_+", "_", name).strip("_")
        raise CommandError(
            f"app name {name!r}: its image would have this name, which has '_' at its end, or more "
            f"than two together. Fix: choose another name, such as {better!r}"
        )
    return root / "services" / name


def _pants_root(project: Path) -> Path | None:
    """The top of the Pants repository that a folder is in."""
    folders = (project, *project.parents)
    return next((folder for folder in folders if (folder / "pants.toml").is_file()), None)


def _templates(folder: Traversable, path: str) -> Iterator[tuple[str, str]]:
    for entry in sorted(folder.iterdir(), key=lambda one: one.name):
        if entry.is_dir():
            yield from _templates(entry, f"{path}{entry.name}/")
        elif entry.name.endswith(SUFFIX):
            yield f"{path}{entry.name}", entry.read_text(encoding="utf-8")


def _fill(folder: Path, text_by_path: Mapping[str, str]) -> None:
    # mkdtemp makes a folder that no one else may enter; the usual rules are those of the umask.
    mask = os.umask(0)
    os.umask(mask)
    folder.chmod(0o777 & ~mask)
    for path, text in text_by_path.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        if file.name == ".env":
            file.chmod(0o600)  # it holds secrets


def _move_entries(source: Path, target: Path, entries: list[str]) -> None:
    moved: list[str] = []
    try:
        for entry in entries:
            (source / entry).rename(target / entry)
            moved.append(entry)
    except OSError:
        for entry in moved:
            (target / entry).rename(source / entry)
        raise
