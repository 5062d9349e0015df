"""docs/server-internals.md names what exists: tests, and all of uvicorn that the servers use."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

from fastapp import coalescing, draining, limits
from fastapp.supervisor import service

PAGE = Path("docs/server-internals.md")
_ITEM = re.compile(r"^- `(uvicorn[\w.]+)`(?::((?:.|\n  )*))?$", re.M)
_COMMAND = re.compile(r"^\$ \./pants test (.*)$", re.M)
_TEST = re.compile(r"`(test_\w+)`")


def uvicorn_names() -> dict[str, set[str]]:
    """The names of each class, by its dotted name."""
    items = _ITEM.findall(PAGE.read_text(encoding="utf-8"))
    return {dotted: set(re.findall(r"`(\w+)`", names)) for dotted, names in items}


def names_of(cls: type) -> set[str]:
    """Methods of a class of uvicorn, and attributes that its code sets."""
    stored = {
        node.attr
        for node in ast.walk(ast.parse(inspect.getsource(cls)))
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
    }
    return stored | set(vars(cls)) | set(inspect.get_annotations(cls))


def used_of_self(cls: type) -> set[str]:
    """What the code of a class reads, sets or calls of ``self`` and ``super()``."""
    return {
        node.attr
        for node in ast.walk(ast.parse(inspect.getsource(cls)))
        if isinstance(node, ast.Attribute)
        and (
            (isinstance(node.value, ast.Name) and node.value.id == "self")
            or (isinstance(node.value, ast.Call) and ast.unparse(node.value) == "super()")
        )
    }


@pytest.mark.parametrize("dotted", uvicorn_names())
def test_every_name_of_uvicorn_exists(dotted: str) -> None:
    module, _, name = dotted.rpartition(".")
    value: Any = getattr(importlib.import_module(module), name)
    names = uvicorn_names()[dotted]
    if names:
        assert names - names_of(value) == set()


def test_every_name_of_uvicorn_that_is_used_is_listed() -> None:
    listed = uvicorn_names()
    seen = set()
    for module in (coalescing, draining, limits, service):
        for cls in vars(module).values():
            if not inspect.isclass(cls) or cls.__module__ != module.__name__:
                continue
            for base in cls.__mro__:
                if not base.__module__.startswith("uvicorn."):
                    continue
                dotted = f"{base.__module__}.{base.__qualname__}"
                used = used_of_self(cls) & names_of(base) - {"__init__"}
                assert used - listed.get(dotted, set()) == set(), f"{cls.__name__}: {dotted}"
                seen.add(dotted)
    assert len(seen) == 3, seen


def test_every_test_that_is_named_exists_where_the_command_looks() -> None:
    text = PAGE.read_text(encoding="utf-8")
    (command,) = _COMMAND.findall(text)
    files: list[Path] = []
    for target in command.split():
        folder = target.removesuffix("::")
        files += [Path(target)] if folder == target else sorted(Path(folder).glob("test_*.py"))
    assert all(file.is_file() for file in files), files
    defined = {
        name
        for file in files
        for name in re.findall(r"^def (test_\w+)", file.read_text(encoding="utf-8"), re.M)
    }
    assert set(_TEST.findall(text)) - defined == set()
