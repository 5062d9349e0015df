"""Finding apps in the project's ``apps`` folder, without importing anything."""

from __future__ import annotations

from pathlib import Path

APPS_FOLDER = "apps"
_MARKS = ("apps.py", "urls.py")


def discover_apps(base_dir: Path) -> list[str]:
    """Packages in ``base_dir/apps`` that have an ``apps.py`` or ``urls.py``.

    Returns:
        Dotted names such as "apps.shop", in order of name; empty when there is no such folder.
    """
    folder = base_dir / APPS_FOLDER
    try:
        children = sorted(folder.iterdir())
    except OSError:
        return []
    return [
        f"{APPS_FOLDER}.{child.name}"
        for child in children
        if child.name.isidentifier() and any((child / mark).is_file() for mark in _MARKS)
    ]
