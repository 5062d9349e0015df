"""Path syntax: from ``orders/<int:id>/`` or ``orders/{id}`` to the syntax of Starlette."""

from __future__ import annotations

import re

from starlette.convertors import CONVERTOR_TYPES, Convertor, register_url_convertor

from fastapp.exceptions import ImproperlyConfigured

_DJANGO_PARAMETER = re.compile(r"<(?:(?P<kind>[^:<>]*):)?(?P<name>[^:<>]*)>")
_BRACE_PARAMETER = re.compile(r"{(?P<name>[^:{}]*)(?::(?P<kind>[^{}]*))?}")


class SlugConvertor(Convertor[str]):
    """ASCII letters, digits, hyphens and underscores."""

    regex = "[-a-zA-Z0-9_]+"

    def convert(self, value: str) -> str:
        """The value as it is."""
        return value

    def to_string(self, value: str) -> str:
        """The value as it is."""
        return value


register_url_convertor("slug", SlugConvertor())


def to_starlette(route: str) -> str:
    """Turn a route as written in ``path()`` into Starlette's syntax, with a leading slash.

    ``""`` stays empty: it is the path of what includes it.

    Raises:
        ImproperlyConfigured: the route has an unknown type, a bad name, or a stray bracket.
    """
    plain = _DJANGO_PARAMETER.sub(lambda match: _parameter(route, match), route)
    if "<" in plain or ">" in plain:
        raise ImproperlyConfigured(
            f"route {route!r}: a '<' or '>' has no partner. Fix: write it like 'items/<int:id>'."
        )
    rest = _BRACE_PARAMETER.sub(lambda match: _check_brace(route, match), plain)
    if "{" in rest or "}" in rest:
        raise ImproperlyConfigured(
            f"route {route!r}: a '{{' or '}}' has no partner. "
            "Fix: write it like 'items/{id:int}'."
        )
    if plain and not plain.startswith("/"):
        plain = f"/{plain}"
    return plain


def comparable(path: str) -> str:
    """A path with the names of its parameters taken out: equal for paths that match alike."""
    return _BRACE_PARAMETER.sub(lambda match: f"{{{match['kind'] or 'str'}}}", path)


def _parameter(route: str, match: re.Match[str]) -> str:
    kind, name = match["kind"] or "str", match["name"]
    _check_name(route, name)
    if kind not in CONVERTOR_TYPES:
        raise ImproperlyConfigured(_unknown_kind(route, kind))
    return f"{{{name}}}" if kind == "str" else f"{{{name}:{kind}}}"


def _check_brace(route: str, match: re.Match[str]) -> str:
    _check_name(route, match["name"])
    kind = match["kind"]
    if kind is not None and kind not in CONVERTOR_TYPES:
        raise ImproperlyConfigured(_unknown_kind(route, kind))
    return ""


def _check_name(route: str, name: str) -> None:
    if not name.isidentifier():
        raise ImproperlyConfigured(
            f"route {route!r}: expected the name of a parameter, got {name!r}. "
            "Fix: use letters, digits and '_', such as 'item_id'."
        )


def _unknown_kind(route: str, kind: str) -> str:
    return (
        f"route {route!r}: no parameter type {kind!r}; "
        f"expected one of {', '.join(sorted(CONVERTOR_TYPES))}"
    )
