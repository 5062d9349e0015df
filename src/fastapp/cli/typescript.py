"""TypeScript out of an OpenAPI document: an interface for each schema, a type for each endpoint."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any

HEADER = "// Written by 'manage.py generate-typescript'; changes are lost with the next run.\n"

_METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_IDENTIFIER = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*\Z")
_SCALARS = {
    "string": "string",
    "integer": "number",
    "number": "number",
    "boolean": "boolean",
    "null": "null",
}


def generate(document: Mapping[str, Any], *, client: bool = True) -> str:
    """The TypeScript of a document; the same text for the same document.

    Args:
        document: OpenAPI 3.1 as FastAPI writes it.
        client: with a small client on ``fetch``, and not only types.
    """
    schemas = document.get("components", {}).get("schemas", {})
    names = type_names(schemas)
    parts = [HEADER]
    parts += [_declaration(names[key], schemas[key], names) for key in sorted(schemas)]
    paths = [
        f"  {json.dumps(path)}: {{\n{''.join(_operations(path, item, names))}  }};\n"
        for path, item in sorted(document.get("paths", {}).items())
    ]
    title = "/** Every endpoint, by path and method. */\n"
    parts.append(f"{title}export interface Paths {{\n{''.join(paths)}}}\n")
    if client:
        folder = files("fastapp") / "templates" / "typescript"
        parts.append((folder / "client.ts.tpl").read_text(encoding="utf-8"))
    return "\n".join(parts)


def type_names(schemas: Mapping[str, Any]) -> dict[str, str]:
    """A TypeScript name for each schema, all different.

    ``Page[ProductOut]`` comes as ``Page_ProductOut_``, and becomes ``Page_ProductOut``.
    """
    names: dict[str, str] = {}
    taken = {"Paths", "MethodOf", "RequestOf", "ResponseOf", "ApiError"}
    for key in sorted(schemas):
        name = re.sub(r"[^A-Za-z0-9_$]+", "_", key).strip("_") or "Schema"
        name = f"_{name}" if name[0].isdigit() else name
        chosen, number = name, 2
        while chosen in taken:
            chosen, number = f"{name}{number}", number + 1
        taken.add(chosen)
        names[key] = chosen
    return names


def type_of(schema: Any, names: Mapping[str, str], indent: str = "") -> str:
    """The TypeScript type of a JSON schema; ``unknown`` where there is none."""
    if not isinstance(schema, dict):
        return "never" if schema is False else "unknown"
    special = _special(schema, names, indent)
    if special is not None:
        return special
    kind = schema.get("type")
    if isinstance(kind, list):
        members = [type_of({**schema, "type": one}, names, indent) for one in kind]
        return " | ".join(dict.fromkeys(members))
    if kind == "array":
        return _array(schema, names, indent)
    if kind == "object" or "properties" in schema:
        return _object(schema, names, indent)
    return _SCALARS.get(str(kind), "unknown")


def _special(schema: Mapping[str, Any], names: Mapping[str, str], indent: str) -> str | None:
    """The type of a schema that does more than to name one; None when it does not."""
    if "$ref" in schema:
        return names.get(str(schema["$ref"]).rpartition("/")[2], "unknown")
    for key, values in (("const", [schema.get("const")]), ("enum", schema.get("enum", []))):
        if key in schema:
            return " | ".join(json.dumps(value, ensure_ascii=False) for value in values)
    for key, operator in (("anyOf", " | "), ("oneOf", " | "), ("allOf", " & ")):
        if key in schema:
            kinds = dict.fromkeys(type_of(one, names, indent) for one in schema[key])
            return operator.join(f"({kind})" if " " in kind else kind for kind in kinds)
    return "Blob" if schema.get("format") == "binary" else None


def _array(schema: Mapping[str, Any], names: Mapping[str, str], indent: str) -> str:
    if "prefixItems" in schema:
        items = ", ".join(type_of(one, names, indent) for one in schema["prefixItems"])
        return f"[{items}]"
    item = type_of(schema.get("items", True), names, indent)
    return f"({item})[]" if " " in item else f"{item}[]"


def _object(schema: Mapping[str, Any], names: Mapping[str, str], indent: str) -> str:
    properties = schema.get("properties", {})
    extra = schema.get("additionalProperties")
    if not properties:
        return (
            "Record<string, never>"
            if extra is False
            else f"Record<string, {type_of(extra, names, indent)}>"
        )
    return f"{{\n{_members(schema, names, indent + '  ')}{indent}}}"


def _members(schema: Mapping[str, Any], names: Mapping[str, str], indent: str) -> str:
    required = set(schema.get("required", ()))
    lines = []
    for key, value in schema.get("properties", {}).items():
        name = key if _IDENTIFIER.match(key) else json.dumps(key, ensure_ascii=False)
        mark = "" if key in required else "?"
        lines += [
            *_comment(value, indent),
            f"{indent}{name}{mark}: {type_of(value, names, indent)};\n",
        ]
    return "".join(lines)


def _comment(schema: Any, indent: str) -> list[str]:
    text = schema.get("description") if isinstance(schema, dict) else None
    if not text:
        return []
    # A text that ends the comment would be code.
    safe = " ".join(str(text).replace("*/", "*\\/").split())
    return [f"{indent}/** {safe} */\n"]


def _declaration(name: str, schema: Mapping[str, Any], names: Mapping[str, str]) -> str:
    comment = "".join(_comment(schema, ""))
    if schema.get("type") == "object" and schema.get("properties"):
        return f"{comment}export interface {name} {{\n{_members(schema, names, '  ')}}}\n"
    return f"{comment}export type {name} = {type_of(schema, names)};\n"


def _operations(path: str, item: Mapping[str, Any], names: Mapping[str, str]) -> Iterator[str]:
    for method in _METHODS:
        if method in item:
            operation = item[method]
            parameters = [*item.get("parameters", ()), *operation.get("parameters", ())]
            request = "".join(_request(parameters, operation.get("requestBody"), names))
            response = _response(operation.get("responses", {}), names)
            inside = f"{request.rstrip(';')} " if request else ""
            yield "".join(_comment(operation, "    "))
            yield (
                f"    {method}: {{\n      request: {{{inside}}};\n"
                f"      response: {response};\n    }};\n"
            )


def _request(
    parameters: list[Mapping[str, Any]], body: Mapping[str, Any] | None, names: Mapping[str, str]
) -> Iterator[str]:
    for place, key in (("path", "path"), ("query", "query"), ("header", "headers")):
        chosen = [one for one in parameters if one.get("in") == place]
        if chosen:
            members = "; ".join(
                f"{json.dumps(one['name'])}{'' if one.get('required') else '?'}: "
                f"{type_of(one.get('schema', True), names, '      ')}"
                for one in chosen
            )
            mark = "" if any(one.get("required") for one in chosen) else "?"
            yield f" {key}{mark}: {{ {members} }};"
    if body is not None:
        mark = "" if body.get("required") else "?"
        yield f" body{mark}: {_content(body.get('content', {}), names)};"


def _response(responses: Mapping[str, Any], names: Mapping[str, str]) -> str:
    kinds = {
        "void" if not answer.get("content") else _content(answer["content"], names)
        for status, answer in responses.items()
        if status.startswith("2")
    }
    return " | ".join(sorted(kinds)) or "void"


def _content(content: Mapping[str, Any], names: Mapping[str, str]) -> str:
    for kind, media in content.items():
        if "json" in kind or "form" in kind:
            return type_of(media.get("schema", True), names, "      ")
    return "unknown"
