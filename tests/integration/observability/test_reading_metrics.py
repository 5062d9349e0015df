"""Metrics of servers that run: several workers, a gateway and its upstreams, a database's pool."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from httpx import ASGITransport, AsyncClient
from integration.mariadb import DATABASE, PASSWORD, USER, MariaDB
from integration.observability.reading import METRICS, TOKEN, metrics, values
from integration.serving import server

from fastapp.apps import apps
from fastapp.asgi import create_application
from fastapp.conf import override_settings
from fastapp.db.lifecycle import connection

SECONDS = 30.0
REQUESTS = "fastapp_http_requests_total{app=shop,method=GET,route=unmatched,status=404}"


def eventually(read: Callable[[], object]) -> None:
    """Wait until it is so."""
    deadline = time.monotonic() + SECONDS
    while not read():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


def test_all_workers_answer_with_the_sum(tmp_path: Path) -> None:
    asked = 40
    with server("--workers", "2", QK_DATA_DIR=str(tmp_path), **METRICS) as (process, url):
        eventually(lambda: metrics(url).get("fastapp_processes{}", 0) >= 2)
        for _ in range(asked):
            # A connection of its own each: any worker may take it.
            assert httpx.get(f"{url}/shop/nothing").status_code == 404
        # Whoever is asked.
        readings = [metrics(url) for _ in range(6)]
        assert {reading[REQUESTS] for reading in readings} == {asked}
        assert readings[0]["fastapp_http_requests_in_flight{app=shop}"] == 0
        assert readings[0]["process_resident_memory_bytes{}"] > 0
        assert any(name.startswith("fastapp_build_info{") for name in readings[0])

        # A worker that dies takes nothing along that was counted, and is started again.
        before = readings[0]["fastapp_processes{}"]
        os.kill(worker_of(process.pid), signal.SIGKILL)
        eventually(lambda: try_metrics(url).get("fastapp_processes{}") == before)
        assert metrics(url)[REQUESTS] == asked
    assert not list(Path("/dev/shm").glob(f"fastapp-metrics-*/*_{process.pid}.db"))


def try_metrics(url: str) -> dict[str, float]:
    """Nothing while the connection was one of the process that died."""
    try:
        return metrics(url)
    except httpx.TransportError:
        return {}


def worker_of(parent: int) -> int:
    """One of the processes that serve."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text(encoding="ascii").split()
    assert children
    return int(children[0])


def test_the_gateway_tells_of_each_upstream(tmp_path: Path) -> None:
    with server(QK_DATA_DIR=str(tmp_path), **METRICS) as (_service, alive):
        dead = "http://127.0.0.1:1"
        with server(
            *("--upstream", f"shop={alive}", "--upstream", f"shop={dead}"),
            *("--upstream", f"gone={dead}"),
            command="gateway",
            QK_INSTALLED_APPS="[]",
            QK_GATEWAY_EJECT_SECONDS="60",
            **METRICS,
        ) as (_process, url):
            with httpx.Client(base_url=url) as http:
                for _ in range(4):
                    assert http.get("/shop/nothing").status_code == 404
                assert http.get("/gone/x").status_code == 502
                assert http.get("/none").status_code == 404
            found = metrics(url)
            name = "fastapp_gateway_requests_total"
            assert found[f"{name}{{method=GET,prefix=shop,status=404,upstream={alive}}}"] == 4
            assert found[f"{name}{{method=GET,prefix=gone,status=502,upstream={dead}}}"] == 1
            assert found[f"{name}{{method=GET,prefix=,status=404,upstream=}}"] == 1
            duration = "fastapp_gateway_request_duration_seconds_count"
            assert found[f"{duration}{{prefix=shop,upstream={alive}}}"] == 4
            up = "fastapp_gateway_upstream"
            assert found[f"{up}_ejected{{upstream={dead}}}"] == 1
            assert found[f"{up}_ejected{{upstream={alive}}}"] == 0
            assert found[f"{up}_ejections_total{{upstream={dead}}}"] == 1
            assert found[f"{up}_failures_total{{cause=connect,upstream={dead}}}"] == 2
            assert found[f"{up}_failures_total{{cause=broken,upstream={alive}}}"] == 0
            assert found[f"{up}_requests_in_flight{{upstream={alive}}}"] == 0
            assert found[f"{up}_connections{{state=free,upstream={alive}}}"] == 1
            assert found[f"{up}_connections{{state=in_use,upstream={alive}}}"] == 0
            assert httpx.get(f"{url}/metrics").status_code == 401
            # A service's own are never reached through the gateway, whoever asks.
            key = {"Authorization": f"Bearer {TOKEN}"}
            for path in ("/shop/metrics", "/metrics/", "/%6detrics", "//metrics"):
                assert "fastapp_http_" not in httpx.get(f"{url}{path}", headers=key).text


def test_a_prefix_that_is_left_out_does_not_lead_to_the_metrics(tmp_path: Path) -> None:
    with server(QK_DATA_DIR=str(tmp_path), **METRICS) as (_service, alive):
        with server(
            *("--upstream", f"plain={alive}"),
            command="gateway",
            QK_INSTALLED_APPS="[]",
            QK_GATEWAY_STRIP_PREFIXES="plain",
        ) as (_process, url):
            key = {"Authorization": f"Bearer {TOKEN}"}
            assert httpx.get(f"{url}/plain/healthz/live").status_code == 200
            for path in ("/plain/metrics", "/plain/%6Detrics", "/plain//metrics", "/plain/METRICS"):
                assert httpx.get(f"{url}{path}", headers=key).status_code == 404


def test_a_gateway_without_metrics_has_none(tmp_path: Path) -> None:
    with server(QK_DATA_DIR=str(tmp_path), **METRICS) as (_service, alive):
        with server(
            *("--default-upstream", alive),
            command="gateway",
            QK_INSTALLED_APPS="[]",
        ) as (_process, url):
            key = {"Authorization": f"Bearer {TOKEN}"}
            assert httpx.get(f"{url}/metrics", headers=key).status_code == 404


@pytest.mark.asyncio
async def test_the_pool_of_a_database(mariadb: MariaDB) -> None:
    database = {
        "ENGINE": "mysql",
        "NAME": DATABASE,
        "HOST": "127.0.0.1",
        "PORT": mariadb.port,
        "USER": USER,
        "PASSWORD": PASSWORD,
        "OPTIONS": {"pool_max_size": 2},
    }
    mariadb.start()
    apps.clear()
    with override_settings(
        DATABASES={"default": database},
        INSTALLED_APPS=[],
        SECRET_KEY="a secret of the tests, long enough 0123456789",
        ALLOWED_HOSTS=["testserver"],
        METRICS_ENABLED=True,
        METRICS_TOKEN=TOKEN,
    ):
        app = create_application()
        async with (
            app.router.lifespan_context(app),
            AsyncClient(transport=ASGITransport(app), base_url="http://testserver") as http,
        ):

            async def read() -> dict[str, float]:
                key = {"Authorization": f"Bearer {TOKEN}"}
                return values((await http.get("/metrics", headers=key)).text)

            async def pool() -> tuple[float, float, float, float]:
                found = await read()
                name = "fastapp_db_pool_connections"
                return (
                    found[f"{name}{{database=default,state=in_use}}"],
                    found[f"{name}{{database=default,state=free}}"],
                    found[f"{name}_max{{database=default}}"],
                    found["fastapp_db_pool_waiting{database=default}"],
                )

            await connection().execute_query("SELECT 1")
            in_use, free, limit, waiting = await pool()
            assert (in_use, limit, waiting) == (0, 2, 0)
            assert free >= 1
            queries = [
                asyncio.create_task(connection().execute_query("SELECT SLEEP(4)")) for _ in range(5)
            ]
            async with asyncio.timeout(SECONDS):
                # Until the second connection is open, who opens it waits too.
                while await pool() != (2, 0, 2, 3):  # noqa: ASYNC110 - no event tells
                    await asyncio.sleep(0.01)
            await asyncio.gather(*queries)
            assert (await pool())[3] == 0
    apps.clear()
