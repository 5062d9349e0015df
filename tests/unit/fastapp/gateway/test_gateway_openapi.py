"""Merging OpenAPI documents."""

from __future__ import annotations

from typing import Any

from fastapp.gateway.openapi import merge


def operation(**more: Any) -> dict[str, Any]:
    return {"responses": {"200": {"description": "ok"}}, **more}


def test_names_of_services_never_meet() -> None:
    one: dict[str, Any] = {
        "paths": {
            "/a/x": {
                "parameters": [{"$ref": "#/components/parameters/Page"}],
                "get": operation(operationId="x", tags=["items"], security=[{"oauth": ["read"]}]),
            }
        },
        "components": {
            "schemas": {
                "Item": {
                    "properties": {"next": {"$ref": "#/components/schemas/Item"}},
                    "example": {"$ref": "not a reference"},
                    "discriminator": {
                        "propertyName": "k",
                        "mapping": {"i": "#/components/schemas/Item", "j": "Item"},
                    },
                }
            },
            "parameters": {"Page": {"name": "page", "in": "query"}},
            "securitySchemes": {"oauth": {"type": "oauth2"}},
        },
        "tags": [{"name": "items", "description": "Things"}],
    }
    two: dict[str, Any] = {
        "paths": {"/b/x": {"get": operation(operationId="x")}},
        "security": [{"key": []}],
        "components": {"schemas": {"Item": {"type": "string"}}},
    }
    merged = merge({"a": one, "b": two})
    first, second = merged["paths"]["/a/x"], merged["paths"]["/b/x"]
    assert first["get"]["operationId"] == "a_x"
    assert first["get"]["tags"] == ["a: items"]
    assert first["get"]["security"] == [{"a_oauth": ["read"]}]
    assert first["parameters"] == [{"$ref": "#/components/parameters/a_Page"}]
    assert (second["get"]["operationId"], second["get"]["tags"]) == ("b_x", ["b"])
    assert second["get"]["security"] == [{"b_key": []}], "what holds for all is said at each"
    schemas = merged["components"]["schemas"]
    assert schemas["b_Item"] == {"type": "string"}
    assert schemas["a_Item"]["properties"]["next"] == {"$ref": "#/components/schemas/a_Item"}
    assert schemas["a_Item"]["example"] == {"$ref": "not a reference"}
    assert schemas["a_Item"]["discriminator"]["mapping"] == {
        "i": "#/components/schemas/a_Item",
        "j": "a_Item",
    }
    assert merged["tags"] == [{"name": "a: items", "description": "Things"}]
    assert one["paths"]["/a/x"]["get"]["operationId"] == "x", "what was given is left alone"


def test_only_what_is_reached_is_listed() -> None:
    paths = {
        path: {"get": operation()}
        for path in ("/a", "/a/x", "/ab", "/healthz", "/a/internal/x", "/b/x")
    }
    merged = merge({"a": {"paths": paths}}, internal=frozenset({"internal"}), unavailable=("c",))
    assert set(merged["paths"]) == {"/a", "/a/x"}
    assert merged["x-unavailable"] == ["c"]


def test_a_stripped_prefix_is_put_before() -> None:
    merged = merge(
        {"v1/a": {"paths": {"/": {"get": operation(operationId="r")}, "/x": {"get": operation()}}}},
        stripped=frozenset({"v1/a"}),
    )
    assert set(merged["paths"]) == {"/v1/a", "/v1/a/x"}
    assert merged["paths"]["/v1/a"]["get"]["operationId"] == "v1_a_r"


def test_documents_that_are_none_do_no_harm() -> None:
    odd: dict[str, Any] = {
        "paths": {"/a/x": None, "/a/y": {"get": 1}},
        "components": [],
        "tags": [1],
    }
    assert merge({"a": odd})["paths"] == {"/a/y": {"get": 1}}
