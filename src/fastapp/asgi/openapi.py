"""One OpenAPI document of everything that an application serves."""

from __future__ import annotations

import copy
from typing import Any

from fastapi import FastAPI
from starlette.routing import Mount

_REFERENCE = "#/components/"


def openapi_document(app: FastAPI) -> dict[str, Any]:
    """The document of an application with those of the applications mounted in it.

    FastAPI leaves mounted applications out, each having a document of its own. A component that
    two of them name alike and define differently is renamed after its application.
    """
    document: dict[str, Any] = copy.deepcopy(app.openapi())
    for route in app.routes:
        if isinstance(route, Mount) and isinstance(route.app, FastAPI):
            add_document(document, openapi_document(route.app), route.path, str(route.name))
    return document


def add_document(
    document: dict[str, Any], other: dict[str, Any], prefix: str = "", name: str = "other"
) -> None:
    """Merge a second document into the first.

    Args:
        document: is changed.
        other: what to add; left as it is.
        prefix: put before its paths, such as "/shop".
        name: put before components whose names are taken.
    """
    renamed: dict[str, str] = {}
    for kind, components in other.get("components", {}).items():
        known = document.setdefault("components", {}).setdefault(kind, {})
        for key, component in components.items():
            if key in known and known[key] != component:
                renamed[f"{_REFERENCE}{kind}/{key}"] = f"{_REFERENCE}{kind}/{name}_{key}"
    for kind, components in other.get("components", {}).items():
        known = document["components"][kind]
        for key, component in components.items():
            new = renamed.get(f"{_REFERENCE}{kind}/{key}", key).rpartition("/")[2]
            known[new] = _with_references(component, renamed)
    for path, operations in other.get("paths", {}).items():
        document.setdefault("paths", {})[f"{prefix}{path}"] = _with_references(operations, renamed)
    for tag in other.get("tags", []):
        if tag not in document.setdefault("tags", []):
            document["tags"].append(tag)


def _with_references(value: Any, renamed: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {
            key: renamed.get(item, item)
            if key == "$ref" and isinstance(item, str)
            else _with_references(item, renamed)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_with_references(item, renamed) for item in value]
    return copy.copy(value)
