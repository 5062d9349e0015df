"""Metrics of an application: who may read them, and that labels are bounded."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from unit.fastapp.support import Client, MakeApp, manage

from fastapp.asgi import create_application
from fastapp.conf import override_settings
from fastapp.contrib.metrics import workers
from fastapp.exceptions import CommandError, ImproperlyConfigured

TOKEN = "a token of the tests 0123456789"
ON = {"METRICS_ENABLED": True, "METRICS_TOKEN": TOKEN}
NAME = "fastapp_http_requests_total"
KEY = {"Authorization": f"Bearer {TOKEN}"}

URLS = """
from fastapi import HTTPException
from fastapp.urls import include, path

async def item(number: int): return {"number": number}
async def crash(): raise RuntimeError("no")
async def refuse(): raise HTTPException(403)

inner = [path("<int:number>/", item)]
urlpatterns = [
    path("items/<int:number>", item),
    path("crash", crash),
    path("refuse", refuse, methods=["POST"]),
    path("deep/", include(inner)),
]
"""
ASGI = """
from fastapi import FastAPI
from starlette.responses import PlainTextResponse
app = FastAPI()

@app.get("/own/{name}")
async def own(name: str): return name

app.mount("/files/{user}", PlainTextResponse("x"))
"""


def samples(text: str, name: str) -> dict[tuple[str, ...], float]:
    """Values of a metric by the values of its labels, in order of label."""
    return {
        tuple(value for _, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    }


@pytest.mark.asyncio
async def test_requests_are_counted_by_route(make_app: MakeApp, client: Client) -> None:
    make_app("one", urls=URLS)
    make_app("two", asgi=ASGI)
    with override_settings(INSTALLED_APPS=["one", "two"], **ON):
        async with client(create_application()) as http:
            before = samples((await http.get("/metrics", headers=KEY)).text, NAME)
            for path in (
                *("/one/items/1", "/one/items/2", "/one/items/x", "/one/deep/5/", "/two/own/a"),
                *("/two/own/b", "/one/nothing", "/two/nothing", "/other", "/one/crash"),
                *("/two/files/ann/1", "/two/files/bob/2"),
            ):
                await http.get(path)
            await http.post("/one/refuse")
            await http.get("/one/refuse")
            await http.request("BREW", "/one/items/1")
            text = (await http.get("/metrics", headers=KEY)).text
    after = samples(text, NAME)
    grown = {key: value - before.get(key, 0) for key, value in after.items()}
    # By app, method, route and status.
    assert {key: value for key, value in grown.items() if value and key[2] != "/metrics"} == {
        ("one", "GET", "/one/items/{number}", "200"): 2,
        ("one", "GET", "/one/deep/{number}/", "200"): 1,
        ("one", "GET", "/one/crash", "500"): 1,
        ("one", "POST", "/one/refuse", "403"): 1,
        ("one", "GET", "/one/refuse", "405"): 1,
        ("one", "OTHER", "/one/items/{number}", "405"): 1,
        # Not an integer: no route.
        ("one", "GET", "unmatched", "404"): 2,
        ("two", "GET", "/two/own/{name}", "200"): 2,
        ("two", "GET", "/two", "404"): 1,
        # The path of this mount has a parameter: each value would be a series.
        ("two", "GET", "unmatched", "200"): 2,
        ("", "GET", "unmatched", "404"): 1,
    }
    flight = samples(text, "fastapp_http_requests_in_flight")
    # The reading itself.
    assert flight[("",)] == 1
    assert flight[("one",)] == flight[("two",)] == 0
    durations = samples(text, "fastapp_http_request_duration_seconds_count")
    assert durations[("one", "GET", "/one/items/{number}")] >= 2
    assert samples(text, "fastapp_build_info")
    assert samples(text, "process_resident_memory_bytes")


@pytest.mark.asyncio
async def test_there_are_no_metrics_unless_asked_for(client: Client) -> None:
    async with client(create_application()) as http:
        assert (await http.get("/metrics")).status_code == 404


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "given", [None, "", "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer é"]
)
async def test_metrics_are_for_those_who_know_the_token(client: Client, given: str | None) -> None:
    headers = {} if given is None else {b"Authorization": given.encode("latin-1")}
    with override_settings(**ON):
        async with client(create_application()) as http:
            refused = await http.get("/metrics", headers=headers)
            assert refused.status_code == 401
            assert refused.json()["error"] == "not_authenticated"
            assert refused.headers["www-authenticate"] == "Bearer"
            assert "fastapp_" not in refused.text
            # Prometheus asks by address.
            read = await http.get("/metrics", headers={**KEY, "Host": "10.0.0.7:8000"})
            assert read.status_code == 200
            assert (await http.post("/metrics", headers=KEY)).status_code == 405


@pytest.mark.parametrize(("token", "got"), [("", "it is not set"), ("short", "got 5")])
def test_metrics_for_everybody_are_refused(token: str, got: str) -> None:
    with override_settings(METRICS_ENABLED=True, METRICS_TOKEN=token):
        with pytest.raises(ImproperlyConfigured) as caught:
            create_application()
    message = str(caught.value)
    for part in ("METRICS_TOKEN must have at least 16 random", got, "Fix: set QK_METRICS_TOKEN"):
        assert part in message
    assert not token or token not in message


@pytest.mark.asyncio
async def test_while_developing_no_token_is_needed(client: Client) -> None:
    with override_settings(METRICS_ENABLED=True, DEBUG=True):
        async with client(create_application()) as http:
            assert (await http.get("/metrics")).status_code == 200


def test_check_knows_of_metrics_and_traces(project: Path) -> None:
    deploy = {"QK_SECRET_KEY": "x" * 3 + "0123456789" * 4, "QK_ALLOWED_HOSTS": "shop.example"}
    done = manage(project, "check", QK_METRICS_ENABLED="1", **deploy)
    assert (done.returncode, "(fastapp.E005) METRICS_ENABLED" in done.stderr) == (1, True)
    assert "Fix: set QK_METRICS_TOKEN" in done.stderr
    assert ".." not in done.stderr
    open_to_all = {"QK_METRICS_ENABLED": "1", "QK_DEBUG": "1"}
    done = manage(project, "check", "--deploy", **deploy, **open_to_all)
    assert "(fastapp.E018)" in done.stderr
    done = manage(
        project, "check", "--deploy", QK_METRICS_ENABLED="1", QK_METRICS_TOKEN=TOKEN, **deploy
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    done = manage(project, "about", QK_METRICS_TOKEN=TOKEN, **deploy)
    assert TOKEN not in done.stdout


def test_several_workers_need_a_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_MEMORY", Path(os.devnull, "memory"))
    monkeypatch.setattr(tempfile, "tempdir", os.path.join(os.devnull, "tmp"))
    with pytest.raises(CommandError) as caught:
        with workers.shared_folder():
            pass
    assert "METRICS_ENABLED with several workers needs a folder" in str(caught.value)
    assert "Fix: set TMPDIR" in str(caught.value)
    assert not workers.is_shared()


def test_the_folder_is_told_to_the_workers_and_removed() -> None:
    with workers.shared_folder() as folder:
        assert os.environ[workers.FOLDER_VARIABLE] == str(folder)
        workers.share_as("shop")
        assert workers.is_shared()
        assert os.environ[workers.FOLDER_VARIABLE] == str(folder / "shop")
        assert (folder / "shop").is_dir()
    assert not folder.exists()
    assert not workers.is_shared()
