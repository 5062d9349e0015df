"""Repositories of any number of apps: each with a service, ten of them above five libraries.

An app is the example shop under another name: models, views, serializers, URLs, a migration and
tests. App N uses the top of the chain of libraries N // 10.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

#: Libraries of a chain, each of which imports the next.
DEPTH = 5
#: Apps that share a chain.
SHARING = 10

_EXAMPLE = "shop"
_APPS, _LIBRARIES, _SERVICES = Path("src/apps"), Path("src/libs"), Path("services")
# Where the views of the example get one more import.
_IMPORTS = "from apps.shop.models import"
_BUILD = 'python_sources(sources=["**/*.py", "!tests/**"])\n'


def app_name(number: int) -> str:
    """Of an app and of its service."""
    return f"app{number:04}"


def library_name(chain: int, level: int) -> str:
    """Of a library; level 0 is what apps import."""
    return f"lib{chain:04}_{level}"


def grow(root: Path, apps: int) -> None:
    """Put this many apps, their services and their libraries beside what a repository has.

    Raises:
        ValueError: the example app is not what this was written for.
    """
    for chain in range(-(-apps // SHARING)):
        for level in range(DEPTH):
            _write(root / _LIBRARIES / library_name(chain, level), _library(chain, level))
    app = {**dict(_texts(root / _APPS / _EXAMPLE)), Path("BUILD"): _BUILD}
    views = app[Path("views.py")]
    if views.count(_IMPORTS) != 1:
        raise ValueError(
            f"{_APPS / _EXAMPLE}/views.py has {_IMPORTS!r} {views.count(_IMPORTS)} times. "
            f"Fix: name another line of it in {__name__}"
        )
    for number in range(apps):
        name = app_name(number)
        library = f"from libs.{library_name(number // SHARING, 0)} import scaled\n"
        shared = {**app, Path("views.py"): views.replace(_IMPORTS, library + _IMPORTS)}
        _write(root / _APPS / name, _renamed(shared, name))
        service = f'fastapp_service(\n    name="{name}",\n    apps=["{_APPS / name}"],\n)\n'
        _write(root / _SERVICES / name, {Path("BUILD"): service})


def _texts(folder: Path) -> Iterator[tuple[Path, str]]:
    for file in sorted(folder.rglob("*")):
        if file.is_file() and file.suffix != ".pyc":
            yield file.relative_to(folder), file.read_text(encoding="utf-8")


def _renamed(files: dict[Path, str], name: str) -> dict[Path, str]:
    return {
        Path(str(path).replace(_EXAMPLE, name)): text.replace(_EXAMPLE, name).replace(
            _EXAMPLE.capitalize(), name.capitalize()
        )
        for path, text in files.items()
    }


def _library(chain: int, level: int) -> dict[Path, str]:
    below, text = level + 1, '"""A library that apps share."""\n\n'
    if below < DEPTH:
        text += f"from libs.{library_name(chain, below)} import scaled as below\n\n\n"
        value = "below(value)"
    else:
        value = "value"
    text += f"def scaled(value: int) -> int:\n    return 2 * {value}\n"
    return {Path("BUILD"): _BUILD, Path("__init__.py"): text}


def _write(folder: Path, files: dict[Path, str]) -> None:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
