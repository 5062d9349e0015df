"""``generate-typescript``: the types say what the document says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from unit.fastapp.support import MakeApp, manage

from fastapp.cli.typescript import generate, type_names, type_of

NAMES = {"A": "A", "Page[B]": "Page_B"}


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "string"}, "string"),
        ({"type": "integer"}, "number"),
        ({"type": ["string", "null"]}, "string | null"),
        ({"anyOf": [{"type": "integer"}, {"type": "number"}, {"type": "null"}]}, "number | null"),
        ({"type": "array", "items": {"$ref": "#/components/schemas/A"}}, "A[]"),
        (
            {"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "null"}]}},
            "(string | null)[]",
        ),
        ({"type": "array", "prefixItems": [{"type": "string"}, {}]}, "[string, unknown]"),
        ({"type": "array"}, "unknown[]"),
        ({"enum": ["new", 'a"b', 3]}, '"new" | "a\\"b" | 3'),
        ({"const": True}, "true"),
        ({"$ref": "#/components/schemas/Page[B]"}, "Page_B"),
        ({"$ref": "#/components/schemas/Gone"}, "unknown"),
        ({"type": "object"}, "Record<string, unknown>"),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, "Record<string, number>"),
        ({"type": "object", "additionalProperties": False}, "Record<string, never>"),
        ({"allOf": [{"$ref": "#/components/schemas/A"}, {"type": "object"}]},
         "A & (Record<string, unknown>)"),
        ({"type": "string", "format": "binary"}, "Blob"),
        ({}, "unknown"),
        (True, "unknown"),
        (False, "never"),
        (
            {
                "type": "object",
                "required": ["a"],
                "properties": {"a": {"type": "string"}, "b-c": {"type": "null"}},
            },
            '{\n  a: string;\n  "b-c"?: null;\n}',
        ),
    ],
)  # fmt: skip
def test_types(schema: Any, expected: str) -> None:
    assert type_of(schema, NAMES) == expected


def test_names_are_names_and_all_different() -> None:
    names = type_names({"Page[A]": {}, "Page_A": {}, "Paths": {}, "1st": {}, "漢": {}})
    assert len(set(names.values())) == 5
    assert names["Page[A]"] == "Page_A"
    assert names["Page_A"] == "Page_A2"
    assert names["Paths"] == "Paths2"
    assert names["1st"] == "_1st"


def test_a_comment_can_not_be_left() -> None:
    text = generate(
        {"components": {"schemas": {"A": {"type": "string", "description": "x */ evil();"}}}},
        client=False,
    )
    assert "*/ evil" not in text


APP = """
from fastapp.urls import path
from pydantic import BaseModel

class Thing(BaseModel):
    name: str
    size: int | None = None

async def make(data: Thing, count: int = 1) -> Thing:
    '''Make a thing.'''

async def remove(id: int) -> None: ...

urlpatterns = [
    path("things", make, methods=["POST"]),
    path("things/<int:id>", remove, methods=["DELETE"], status_code=204),
]
"""


def test_the_command(project: Path, make_app: MakeApp) -> None:
    make_app("apps.one", urls=APP)
    file = project / "api.ts"
    done = manage(project, "generate-typescript", "--output", "api.ts")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    text = file.read_text(encoding="utf-8")
    assert "export interface Thing {\n  name: string;\n  size?: number | null;\n}\n" in text
    assert (
        '  "/one/things": {\n    /** Make a thing. */\n    post: {\n'
        '      request: { query?: { "count"?: number }; body: Thing };\n'
        "      response: Thing;\n"
    ) in text
    assert '      request: { path: { "id": number } };\n      response: void;\n' in text
    assert "export function createClient" in text
    assert manage(project, "generate-typescript", "--output", "api.ts", "--check").returncode == 0
    file.write_text(text + " ", encoding="utf-8")
    stale = manage(project, "generate-typescript", "--output", "api.ts", "--check")
    assert stale.returncode == 1
    assert "api.ts is not current" in stale.stderr
    nowhere = manage(project, "generate-typescript", "--check")
    assert (nowhere.returncode, "Fix: name the file" in nowhere.stderr) == (2, True)
