"""Finding what a project of the earlier framework has to change, without importing it."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fastapp.conf.planned import PLANNED
from fastapp.upgrade.command_lines import command_lines, old_words
from fastapp.upgrade.names import ENGINES, FIELDS, MODULES, NAMES, NOT_YET, SETTINGS

_SKIPPED: Final = frozenset({"__pycache__", "node_modules", "dist", "build", "site-packages"})
_SCRIPTS: Final = (".sh", ".yml", ".yaml", ".md", ".service", ".conf", ".toml")
_SCRIPT_NAMES: Final = ("Dockerfile", "Makefile", "Procfile", "Containerfile")
_LARGEST: Final = 1 << 20


@dataclass(frozen=True, slots=True, order=True)
class Note:
    """One thing to change.

    Attributes:
        file: path below the project's folder.
        line: number of the line.
        old: what is written.
        new: what to write instead.
    """

    file: str
    line: int
    old: str
    new: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.old}: of the earlier framework. Fix: {self.new}."


def scan_project(folder: Path) -> list[Note]:
    """Everything that a project has to change, in order of file and line."""
    notes: set[Note] = set()
    for path in _files(folder):
        name = path.relative_to(folder).as_posix()
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        found = _scan_python(text) if path.suffix == ".py" else _scan_script(text)
        notes.update(Note(name, *item) for item in found)
        if path.name == "views.py" and "urlpatterns" not in _text_of(path.with_name("urls.py")):
            notes.update(Note(name, *item) for item in _unrouted(text))
    return sorted(notes)


def _files(folder: Path) -> Iterator[Path]:
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and name not in _SKIPPED
        )
        if "pyvenv.cfg" in files:
            folders[:] = []
            continue
        for file in sorted(files):
            path = Path(root, file)
            wanted = path.suffix in (".py", *_SCRIPTS) or file.startswith(_SCRIPT_NAMES)
            if wanted and path.stat().st_size <= _LARGEST:
                yield path


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def _scan_script(text: str) -> Iterator[tuple[int, str, str]]:
    for line, command, words in command_lines(text):
        for old, new in old_words(command, words):
            yield line, old, new


def _scan_python(text: str) -> Iterator[tuple[int, str, str]]:
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and not node.level:
            for alias in node.names:
                new = replacement(f"{node.module}.{alias.name}")
                if new:
                    yield node.lineno, f"from {node.module} import {alias.name}", new
        elif isinstance(node, ast.Import):
            for alias in node.names:
                new = replacement(alias.name)
                if new:
                    yield node.lineno, f"import {alias.name}", new
        elif isinstance(node, ast.ClassDef):
            yield from _scan_class(node)
        elif isinstance(node, ast.Attribute) and node.attr in FIELDS:
            module = ast.unparse(node.value)
            if module in ("fields", "models"):
                yield node.lineno, f"{module}.{node.attr}", FIELDS[node.attr]


def replacement(dotted: str) -> str | None:
    """What to write instead of a name of the earlier framework; None when it is none."""
    if dotted in NAMES:
        return NAMES[dotted]
    parts = dotted.split(".")
    for length in range(len(parts), 1, -1):
        if ".".join(parts[:length]) in MODULES:
            return MODULES[".".join(parts[:length])]
    return None


def _scan_class(node: ast.ClassDef) -> Iterator[tuple[int, str, str]]:
    bases = {ast.unparse(base).rpartition(".")[2] for base in node.bases}
    if node.name == "Meta":
        for name, item in _assigned(node):
            if name == "external":
                yield item.lineno, "external", "leave it out: every model's table is migrated"
    if "BaseSettings" not in bases:
        return
    for name, item in _assigned(node):
        new = SETTINGS.get(name) or (NOT_YET.format(part="captcha") if "XCAPTCHA" in name else "")
        if name in PLANNED:
            new = NOT_YET.format(part=PLANNED[name])
        if name == "EXTRA_PROXY" and isinstance(item.value, ast.List):
            new = "a mapping of prefix to URL"
        if new:
            yield item.lineno, name, new
        if item.value is not None:
            yield from _scan_values(name, item.value)


def _scan_values(name: str, value: ast.expr) -> Iterator[tuple[int, str, str]]:
    for node in ast.walk(value):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
            continue
        if name == "DATABASES" and node.value in ENGINES:
            yield node.lineno, repr(node.value), repr(ENGINES[node.value])
        elif name in ("INSTALLED_APPS", "MIDDLEWARE", "LIFESPANS"):
            new = replacement(node.value)
            if new:
                yield node.lineno, f"{name}: {node.value!r}", new


def _assigned(node: ast.ClassDef) -> Iterator[tuple[str, ast.Assign | ast.AnnAssign]]:
    for item in node.body:
        if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
            yield item.target.id, item
        elif isinstance(item, ast.Assign):
            for target in item.targets:
                if isinstance(target, ast.Name):
                    yield target.id, item


def _unrouted(text: str) -> Iterator[tuple[int, str, str]]:
    """A router in views.py that no urls.py takes: routes of an app come from its urls.py."""
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.value).startswith("APIRouter("):
            name = ast.unparse(node.targets[0])
            yield (
                node.lineno,
                f"{name} = APIRouter()",
                f"in urls.py: urlpatterns = [path('', include({name}))]",
            )
