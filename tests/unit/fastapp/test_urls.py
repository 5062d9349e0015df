"""``path`` and ``include``, route syntax, and the routers they become."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, HTTPException
from httpx import ASGITransport, AsyncClient
from unit.fastapp.support import MakeApp

from fastapp.apps import apps
from fastapp.exceptions import AppLoadError, ImproperlyConfigured
from fastapp.urls import include, path
from fastapp.urls.build import app_router, build_router
from fastapp.urls.listing import find_conflicts, list_routes
from fastapp.urls.routes import to_starlette
from fastapp.views import View


async def endpoint(id: int = 0) -> dict[str, int]:
    return {"id": id}


def serve(patterns: list[Any], prefix: str = "/x") -> AsyncClient:
    app = FastAPI()
    app.include_router(build_router(patterns, "x", "x"), prefix=prefix)
    return AsyncClient(transport=ASGITransport(app), base_url="http://testserver")


@pytest.mark.parametrize(
    ("route", "expected"),
    [
        ("", ""),
        ("orders/", "/orders/"),
        ("/orders", "/orders"),
        ("orders/<int:id>", "/orders/{id:int}"),
        ("orders/{id}", "/orders/{id}"),
        ("orders/{id:uuid}", "/orders/{id:uuid}"),
        ("<str:a>/<slug:b>/<path:c>", "/{a}/{b:slug}/{c:path}"),
        ("<name>", "/{name}"),
    ],
)
def test_route_syntax(route: str, expected: str) -> None:
    assert to_starlette(route) == expected


@pytest.mark.parametrize(
    ("route", "expected"),
    [
        ("<foo:id>", "route '<foo:id>': no parameter type 'foo'; expected one of .*int"),
        ("{id:foo}", "no parameter type 'foo'"),
        ("<int:1x>", "expected the name of a parameter, got '1x'. Fix: "),
        ("<int:>", "expected the name of a parameter, got ''. Fix: "),
        ("a<b", "a '<' or '>' has no partner. Fix: "),
        ("a}b", "a '{' or '}' has no partner. Fix: "),
    ],
)
def test_wrong_routes(route: str, expected: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=expected):
        path(route, endpoint)


@pytest.mark.parametrize(
    ("view", "options", "expected"),
    [
        ("not a view", {}, "expected a function.*'not a view'. Fix: "),
        (View, {}, r"did you mean .as_view\(\)\?"),
        (endpoint, {"methods": "GET"}, "methods: expected a list.*got 'GET'. Fix: "),
        (endpoint, {"methods": []}, "methods: expected a list"),
        (include([]), {"methods": ["GET"]}, "path\\(\\) takes none here"),
    ],
)
def test_wrong_views(view: Any, options: dict[str, Any], expected: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=expected):
        path("x", view, **options)


def test_an_unknown_option_names_route_and_app() -> None:
    with pytest.raises(ImproperlyConfigured, match="app 'x': route 'a': TypeError.*no_such_option"):
        build_router([path("a", endpoint, no_such_option=1)], "x", "x")


@pytest.mark.asyncio
async def test_typed_parameters() -> None:
    async with serve([path("a/<int:id>", endpoint), path("b/{id}", endpoint)]) as http:
        assert (await http.get("/x/a/7")).json() == {"id": 7}
        assert (await http.get("/x/a/seven")).status_code == 404
        assert (await http.get("/x/b/7")).json() == {"id": 7}
        assert (await http.get("/x/b/seven")).status_code == 422


@pytest.mark.asyncio
async def test_every_fastapi_option_takes_effect() -> None:
    async def forbid() -> None:
        raise HTTPException(403)

    patterns = [
        path(
            "made",
            endpoint,
            methods=["POST"],
            status_code=201,
            tags=["t"],
            summary="Sum",
            description="Words",
            deprecated=True,
            name="made",
        ),
        path("closed", endpoint, dependencies=[Depends(forbid)]),
        path("hidden", endpoint, include_in_schema=False),
        path("headers", endpoint, responses={418: {"description": "teapot"}}),
    ]
    app = FastAPI()
    app.include_router(build_router(patterns, "x", "x"))
    operation = app.openapi()["paths"]["/made"]["post"]
    assert operation["tags"] == ["t"]
    assert (operation["summary"], operation["description"]) == ("Sum", "Words")
    assert operation["deprecated"] is True
    assert "201" in operation["responses"]
    assert "/hidden" not in app.openapi()["paths"]
    assert "418" in app.openapi()["paths"]["/headers"]["get"]["responses"]
    async with serve(patterns) as http:
        assert (await http.post("/x/made")).status_code == 201
        assert (await http.get("/x/made")).status_code == 405
        assert (await http.get("/x/closed")).status_code == 403


@pytest.mark.asyncio
async def test_options_of_an_include_reach_all_below() -> None:
    async def forbid() -> None:
        raise HTTPException(403)

    patterns = [
        path("in/", include([path("a", endpoint), path("deep/", include([path("b", endpoint)]))])),
        path("shut", include([path("", endpoint)]), dependencies=[Depends(forbid)], tags=["s"]),
    ]
    async with serve(patterns) as http:
        assert (await http.get("/x/in/a")).status_code == 200
        assert (await http.get("/x/in/deep/b")).status_code == 200
        assert (await http.get("/x/shut")).status_code == 403


def test_include_of_modules_routers_and_namespaces(make_app: MakeApp) -> None:
    make_app(
        "shop",
        more="""
        from fastapp.urls import path
        async def view(): ...
        urlpatterns = [path("m", view, name="m")]
        """,
    )
    router = APIRouter()
    router.add_api_route("/r", endpoint, name="r")
    built = build_router(
        [
            path("a", include("shop.more")),
            path("b", include(([path("t", endpoint, name="t")], "ns"))),
            path("c", include(router)),
        ],
        "shop",
        "shop",
    )
    assert [(route.path, route.name) for route in list_routes(built.routes)] == [
        ("/a/m", "shop:m"),
        ("/b/t", "shop:ns:t"),
        ("/c/r", "r"),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "expected a list named 'urlpatterns', got NoneType"),
        ("urlpatterns = 5", "expected a list named 'urlpatterns', got int. Fix: "),
        ("urlpatterns = [5]", r"urlpatterns: expected path\(...\), got 5. Fix: "),
    ],
)
def test_urls_without_patterns(make_app: MakeApp, text: str, expected: str) -> None:
    apps.populate([make_app("shop", urls=text)])
    with pytest.raises(ImproperlyConfigured, match=expected):
        app_router(apps.get_app_config("shop"))


def test_a_broken_urls_module_is_no_missing_one(make_app: MakeApp) -> None:
    apps.populate([make_app("shop", urls="import no_such_package_at_all"), make_app("bare")])
    assert app_router(apps.get_app_config("bare")) is None
    with pytest.raises(AppLoadError, match=r"'shop.urls' .*no_such_package_at_all"):
        app_router(apps.get_app_config("shop"))


class Item(View):
    """A view with state that must not leak from one request to the next."""

    greeting = "hello"

    def __init__(self) -> None:
        self.seen: list[int] = []

    async def get(self, id: int, size: Annotated[int, Depends(lambda: 3)]) -> dict[str, Any]:
        self.seen.append(id)
        return {"seen": self.seen, "size": size, "greeting": self.greeting}

    def delete(self, id: int) -> dict[str, int]:
        return {"deleted": id}


@pytest.mark.asyncio
async def test_class_based_views() -> None:
    async with serve([path("i/<int:id>", Item.as_view(greeting="hi"), name="item")]) as http:
        expected = {"seen": [1], "size": 3, "greeting": "hi"}
        assert (await http.get("/x/i/1")).json() == expected
        assert (await http.get("/x/i/1")).json() == expected
        assert (await http.delete("/x/i/2")).json() == {"deleted": 2}
        assert (await http.post("/x/i/2")).status_code == 405


def test_views_that_are_wrong() -> None:
    with pytest.raises(ImproperlyConfigured, match="View: expected a method named get, post"):
        View.as_view()
    with pytest.raises(ImproperlyConfigured, match="no attribute 'colour'"):
        Item.as_view(colour="red")


def test_conflicts_are_found() -> None:
    async def second(pk: int) -> None: ...

    built = build_router(
        [
            path("a/<int:id>", endpoint),
            path("a/<int:pk>", second),
            path("a/<int:pk>", second, methods=["POST"]),
            path("a/{id}", second),
        ],
        "x",
        "x",
    )
    conflicts = find_conflicts(list_routes(built.routes))
    assert [(method, hidden.path) for method, _, hidden in conflicts] == [("GET", "/a/{pk:int}")]
