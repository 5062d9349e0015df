"""The application: prefixes, lifespans, errors, hosts, CORS, request ids."""

from __future__ import annotations

import logging

import pytest
from unit.fastapp.support import Client, MakeApp

from fastapp.asgi import create_application
from fastapp.conf import override_settings
from fastapp.exceptions import AppLoadError, ImproperlyConfigured
from fastapp.logs import current_request_id

pytestmark = pytest.mark.asyncio

URLS = """
from fastapi import HTTPException
from pydantic import BaseModel
from fastapp.logs import current_request_id
from fastapp.rest.exceptions import Conflict
from fastapp.urls import path
from tortoise.exceptions import DBConnectionError, DoesNotExist, IntegrityError, OperationalError

SECRET = "internal-detail-42"

class Body(BaseModel):
    password: int

async def ok(): return {"id": current_request_id()}
async def crash(): raise RuntimeError(SECRET)
async def value_error(): raise ValueError(SECRET)
async def http(): raise HTTPException(418, "short and stout", headers={"X-Pot": "1"})
async def http_data(): raise HTTPException(400, {"field": "x"})
async def conflict(): raise Conflict("Taken.", detail={"sku": "a"})
async def missing(): raise DoesNotExist(SECRET)
async def integrity(): raise IntegrityError(SECRET)
async def down(): raise DBConnectionError(SECRET)
async def sql(): raise OperationalError(SECRET)
async def body(data: Body): return {}

VIEWS = [ok, crash, value_error, http, http_data, conflict, missing, integrity, down, sql]
urlpatterns = [path(view.__name__, view) for view in VIEWS]
urlpatterns.append(path("body", body, methods=["POST"]))
"""


async def test_apps_are_served_at_their_prefixes(make_app: MakeApp, client: Client) -> None:
    config = "from fastapp.apps import AppConfig\nclass C(AppConfig):\n    prefix = 'api/v2'\n"
    make_app("one", urls=URLS)
    make_app("two", urls=URLS, apps=config)
    make_app("bare")
    with override_settings(INSTALLED_APPS=["one", "two", "bare"]):
        async with client(create_application()) as http:
            assert (await http.get("/one/ok")).status_code == 200
            assert (await http.get("/api/v2/ok")).status_code == 200
            assert (await http.get("/two/ok")).status_code == 404
            assert (await http.get("/ok")).status_code == 404


async def test_the_start_is_refused_without_a_secret() -> None:
    with override_settings(SECRET_KEY=""), pytest.raises(ImproperlyConfigured, match="SECRET_KEY"):
        create_application()


async def test_a_broken_urls_module_fails_the_start(make_app: MakeApp) -> None:
    make_app("shop", urls="from shop import views", views="import no_such_package_at_all")
    with (
        override_settings(INSTALLED_APPS=["shop"]),
        pytest.raises(AppLoadError, match="app 'shop': cannot import 'shop.urls'"),
    ):
        create_application()


ASGI = """
from contextlib import asynccontextmanager
from fastapi import FastAPI, Request

events = []

@asynccontextmanager
async def lifespan(app):
    events.append("in")
    app.state.resource = "open"
    yield
    events.append("out")

app = FastAPI(lifespan=lifespan)

@app.get("/resource")
async def resource(request: Request): return {"resource": request.app.state.resource}

@app.get("/crash")
async def crash(): raise RuntimeError("internal-detail-42")
"""


async def test_the_lifespan_of_an_app_is_kept(make_app: MakeApp, client: Client) -> None:
    make_app("own", asgi=ASGI, urls=URLS)
    with override_settings(INSTALLED_APPS=["own"]):
        async with client(create_application()) as http:
            import own.asgi  # type: ignore[import-not-found]  # pants: no-infer-dep

            assert own.asgi.events == ["in"]
            assert (await http.get("/own/resource")).json() == {"resource": "open"}
            # Routes of urls.py are served beside those of the app's own application.
            assert (await http.get("/own/ok")).status_code == 200
        assert own.asgi.events == ["in", "out"]


async def test_errors_of_a_mounted_app_are_uniform(make_app: MakeApp, client: Client) -> None:
    make_app("own", asgi=ASGI.replace("lifespan=lifespan", "debug=True"))
    with override_settings(INSTALLED_APPS=["own"]):
        from httpx import ASGITransport, AsyncClient

        app = create_application()
        transport = ASGITransport(app, raise_app_exceptions=False)
        async with AsyncClient(transport=transport, base_url="http://testserver") as http:
            answer = await http.get("/own/crash", headers={"X-Request-ID": "r-9"})
            assert answer.status_code == 500
            assert answer.json()["error"] == "internal_error"
            assert answer.json()["request_id"] == "r-9"
            assert "internal-detail-42" not in answer.text
            assert (await http.get("/own/none")).json()["error"] == "not_found"


async def test_redoc_is_not_served_unless_an_app_asks(make_app: MakeApp, client: Client) -> None:
    make_app("own", asgi=ASGI)
    make_app("other", asgi=ASGI.replace("lifespan=lifespan", "redoc_url='/reading'"))
    with override_settings(INSTALLED_APPS=["own", "other"]):
        async with client(create_application()) as http:
            for path in ("/redoc", "/own/redoc", "/other/redoc"):
                assert (await http.get(path)).json()["error"] == "not_found", path
            assert "redoc" in (await http.get("/other/reading")).text
            for path in ("/docs", "/own/docs", "/other/docs"):
                assert (await http.get(path)).status_code == 200, path


async def test_an_asgi_module_without_app(make_app: MakeApp) -> None:
    make_app("own", asgi="application = 5")
    with (
        override_settings(INSTALLED_APPS=["own"]),
        pytest.raises(ImproperlyConfigured, match="own.asgi .* named 'app', got NoneType. Fix: "),
    ):
        create_application()


async def test_lifespans_of_the_settings(make_app: MakeApp, client: Client) -> None:
    make_app(
        "life",
        spans="""
        from contextlib import asynccontextmanager
        events = []
        other = 5
        def make(name):
            @asynccontextmanager
            async def span(app):
                events.append(f"+{name}")
                yield {name: app.title}
                events.append(f"-{name}")
            return span
        first, second = make("first"), make("second")
        """,
    )
    with override_settings(LIFESPANS=["life.spans.first", "life.spans.second"]):
        app = create_application()
        async with app.router.lifespan_context(app) as state:
            import life.spans  # type: ignore[import-not-found]  # pants: no-infer-dep

            assert state == {"first": "QingKong", "second": "QingKong"}
        assert life.spans.events == ["+first", "+second", "-second", "-first"]
    with (
        override_settings(LIFESPANS=["life.spans.third"]),
        pytest.raises(ImproperlyConfigured, match="LIFESPANS='life.spans.third': cannot import"),
    ):
        create_application()
    with (
        override_settings(LIFESPANS=["life.spans.other"]),
        pytest.raises(ImproperlyConfigured, match="LIFESPANS='life.spans.other': .*got 5. Fix: "),
    ):
        create_application()


async def test_middleware_of_the_settings(make_app: MakeApp, client: Client) -> None:
    make_app(
        "mid",
        ware="""
        class Mark:
            def __init__(self, app): self.app = app
            async def __call__(self, scope, receive, send):
                async def marked(message):
                    if message["type"] == "http.response.start":
                        message["headers"].append((b"x-mark", b"1"))
                    await send(message)
                await self.app(scope, receive, marked)
        other = 5
        """,
    )
    with override_settings(MIDDLEWARE=["mid.ware.Mark"]):
        async with client(create_application()) as http:
            assert (await http.get("/healthz")).headers["x-mark"] == "1"
    with (
        override_settings(MIDDLEWARE=["mid.ware.other"]),
        pytest.raises(ImproperlyConfigured, match="MIDDLEWARE='mid.ware.other': .*got 5. Fix: "),
    ):
        create_application()


@pytest.mark.parametrize(
    ("view", "status", "error", "message", "detail"),
    [
        ("crash", 500, "internal_error", "An internal error occurred.", None),
        ("value_error", 500, "internal_error", "An internal error occurred.", None),
        ("sql", 500, "internal_error", "An internal error occurred.", None),
        ("http", 418, "im_a_teapot", "short and stout", None),
        ("http_data", 400, "bad_request", "Bad Request.", {"field": "x"}),
        ("conflict", 409, "conflict", "Taken.", {"sku": "a"}),
        ("missing", 404, "not_found", "Not found.", None),
        ("integrity", 409, "conflict", "The request conflicts with the present state.", None),
        ("down", 503, "service_unavailable", "The service is not available at the moment.", None),
        ("nowhere", 404, "not_found", "Not Found", None),
    ],
)
async def test_errors_are_uniform_and_leak_nothing(
    make_app: MakeApp,
    client: Client,
    caplog: pytest.LogCaptureFixture,
    view: str,
    status: int,
    error: str,
    message: str,
    detail: object,
) -> None:
    make_app("shop", urls=URLS)
    with override_settings(INSTALLED_APPS=["shop"]):
        async with client(create_application()) as http:
            answer = await http.get(f"/shop/{view}", headers={"X-Request-ID": "req-1"})
    assert answer.status_code == status
    assert answer.json() == {
        "error": error,
        "message": message,
        "detail": detail,
        "request_id": "req-1",
    }
    assert answer.headers["x-request-id"] == "req-1"
    if status == 500:
        # What the client must not see, the log has.
        assert "internal-detail-42" in caplog.text
    if view == "http":
        assert answer.headers["x-pot"] == "1"


async def test_validation_errors_do_not_repeat_what_was_sent(
    make_app: MakeApp, client: Client
) -> None:
    make_app("shop", urls=URLS)
    with override_settings(INSTALLED_APPS=["shop"]):
        async with client(create_application()) as http:
            answer = await http.post("/shop/body", json={"password": "hunter2"})
            assert answer.status_code == 422
            assert answer.json()["error"] == "validation_error"
            assert answer.json()["detail"][0]["loc"] == ["body", "password"]
            assert "hunter2" not in answer.text
            missing = await http.post("/shop/body", json={})
            assert missing.json()["detail"][0]["loc"] == ["body", "password"]


async def test_request_ids(make_app: MakeApp, client: Client) -> None:
    make_app("shop", urls=URLS)
    with override_settings(INSTALLED_APPS=["shop"]):
        async with client(create_application()) as http:
            own = await http.get("/shop/ok")
            assert len(own.headers["x-request-id"]) == 32
            assert own.json()["id"] == own.headers["x-request-id"]
            for bad in (b"a b", b"x" * 200, "ü".encode()):
                answer = await http.get("/shop/ok", headers={b"X-Request-ID": bad})
                assert len(answer.headers["x-request-id"]) == 32
    assert current_request_id() == "-"


async def test_the_log_has_the_request_id(
    make_app: MakeApp, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    from fastapp.logs.context_filter import ContextFilter

    make_app("shop", urls=URLS)
    caplog.handler.addFilter(ContextFilter())
    with override_settings(INSTALLED_APPS=["shop"]):
        async with client(create_application()) as http:
            await http.get("/shop/crash", headers={"X-Request-ID": "req-7"})
    records = [record for record in caplog.records if record.name == "fastapp.request"]
    assert [getattr(record, "request_id", None) for record in records] == ["req-7"]
    assert records[0].levelno == logging.ERROR


@pytest.mark.parametrize(
    ("allowed", "host", "status"),
    [
        (["shop.example"], "shop.example", 404),
        (["shop.example"], "SHOP.example:8000", 404),
        (["shop.example"], "shop.example.", 404),
        (["shop.example"], "evilshop.example", 400),
        (["shop.example"], "shop.example.evil.com", 400),
        (["shop.example"], "a.shop.example", 400),
        ([".shop.example"], "a.shop.example", 404),
        ([".shop.example"], "shop.example", 404),
        ([".shop.example"], "evilshop.example", 400),
        (["*"], "anything", 404),
        (["[::1]"], "[::1]:8000", 404),
        ([], "localhost", 400),
        (["shop.example"], "127.0.0.1", 400),
        (["shop.example"], "localhost", 400),
        (["*"], "bad/host", 400),
        (["*"], "", 400),
        (["*"], "a@b", 400),
    ],
)
async def test_allowed_hosts(client: Client, allowed: list[str], host: str, status: int) -> None:
    with override_settings(ALLOWED_HOSTS=allowed):
        # httpx gives 127.0.0.1 as the client: the loopback address is no reason to trust a Host.
        async with client(create_application()) as http:
            answer = await http.get("/nothing", headers={"Host": host})
            assert answer.status_code == status
            if status == 400:
                assert answer.json()["error"] == "disallowed_host"
                assert host == "" or host not in answer.text


async def test_debug_allows_local_hosts_only(client: Client) -> None:
    with override_settings(ALLOWED_HOSTS=[], DEBUG=True):
        async with client(create_application()) as http:
            for host, status in {
                "localhost": 404,
                "127.0.0.1:80": 404,
                "evil.example": 400,
            }.items():
                answer = await http.get("/nothing", headers={"Host": host})
                assert answer.status_code == status, host


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("https://example.com", True),
        ("https://evilexample.com", False),
        ("https://example.com.evil.org", False),
        ("http://example.com", False),
        ("https://example.com:8443", False),
        ("https://sub.example.com", False),
        ("null", False),
    ],
)
async def test_cors_origins_are_exact(client: Client, origin: str, allowed: bool) -> None:
    with override_settings(CORS_ALLOWED_ORIGINS=["https://example.com"]):
        async with client(create_application()) as http:
            answer = await http.get("/healthz", headers={"Origin": origin})
            assert answer.headers.get("access-control-allow-origin") == (
                origin if allowed else None
            )
            preflight = await http.options(
                "/healthz", headers={"Origin": origin, "Access-Control-Request-Method": "PUT"}
            )
            assert preflight.status_code == (200 if allowed else 400)


async def test_errors_have_cors_headers(make_app: MakeApp, client: Client) -> None:
    make_app("shop", urls=URLS)
    origin = "https://example.com"
    with override_settings(INSTALLED_APPS=["shop"], CORS_ALLOWED_ORIGINS=[origin]):
        async with client(create_application()) as http:
            answer = await http.get("/shop/crash", headers={"Origin": origin})
            assert answer.status_code == 500
            assert answer.headers["access-control-allow-origin"] == origin


async def test_a_websocket_for_a_wrong_host_is_closed() -> None:
    app = create_application()
    sent: list[str] = []

    async def receive() -> dict[str, str]:
        return {"type": "websocket.connect"}

    async def send(message: dict[str, object]) -> None:
        sent.append(str(message["type"]))

    scope = {
        "type": "websocket",
        "path": "/x",
        "headers": [(b"host", b"evil.example")],
        "query_string": b"",
    }
    await app(scope, receive, send)  # type: ignore[arg-type]
    assert sent == ["websocket.close"]
