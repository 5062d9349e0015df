"""Health endpoints: live never touches a database, ready uses the pools and leaves them open."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from unit.fastapp.support import Client

from fastapp.asgi import create_application
from fastapp.conf import override_settings
from fastapp.contrib.healthz.checks import check_databases
from fastapp.db.lifecycle import connection

pytestmark = pytest.mark.asyncio


async def test_live_answers_for_any_host_and_without_database(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_alias: str = "default") -> Any:
        raise AssertionError("live touched a database")

    monkeypatch.setattr("fastapp.contrib.healthz.checks.connection", fail)
    async with client(create_application()) as http:
        for path in ("/healthz", "/healthz/live"):
            answer = await http.get(path, headers={"Host": "10.0.0.7:8000"})
            assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


async def test_ready_keeps_the_connection_open(client: Client) -> None:
    async with client(create_application()) as http:
        first = await http.get("/healthz/ready")
        assert first.json() == {"status": "ok", "databases": {"default": "ok"}}
        raw = connection()._connection
        assert raw is not None
        assert (await http.get("/healthz/ready")).status_code == 200
        assert connection()._connection is raw
        assert (await connection().execute_query("SELECT 1"))[0] == 1


async def test_all_who_ask_at_the_same_time_share_one_check(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = 1000
    asked = 0
    began, gate = asyncio.Event(), asyncio.Event()
    waiting = asyncio.Semaphore(0)

    class Counting:
        async def execute_query(self, _query: str) -> None:
            nonlocal asked
            asked += 1
            began.set()
            await gate.wait()

    async def counted() -> dict[str, str]:
        waiting.release()
        return await check_databases()

    monkeypatch.setattr("fastapp.contrib.healthz.views.check_databases", counted)
    monkeypatch.setattr("fastapp.contrib.healthz.checks.connection", lambda _alias: Counting())
    with override_settings(HEALTH_CHECK_TIMEOUT=60):
        async with client(create_application()) as http:
            first = asyncio.create_task(http.get("/healthz/ready"))
            await began.wait()
            # One that leaves takes the check from no one.
            left = asyncio.create_task(http.get("/healthz/ready"))
            for _ in (first, left):
                await waiting.acquire()
            left.cancel()
            rest = [asyncio.create_task(http.get("/healthz/ready")) for _ in range(count)]
            for _ in rest:
                await waiting.acquire()
            gate.set()
            answers = await asyncio.gather(first, *rest)
            assert {answer.status_code for answer in answers} == {200}
            assert asked == 1
            # The next one gets what is true then.
            assert (await http.get("/healthz/ready")).status_code == 200
            assert asked == 2


async def test_not_ready_while_a_database_is_away(client: Client) -> None:
    databases = {
        "default": {"ENGINE": "sqlite3"},
        "other": {"ENGINE": "sqlite3", "NAME": "/dev/null/no/such/folder.db"},
    }
    with override_settings(DATABASES=databases):
        async with client(create_application()) as http:
            answer = await http.get("/healthz/ready")
            assert answer.status_code == 503
            body = answer.json()
            assert body["error"] == "service_unavailable"
            assert body["detail"]["databases"] == {"default": "ok", "other": "unreachable"}
            assert "/dev/null" not in answer.text
            assert (await http.get("/healthz/live")).status_code == 200


async def test_ready_gives_up_in_time(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stuck:
        async def execute_query(self, _query: str) -> None:
            await asyncio.sleep(60)

    monkeypatch.setattr("fastapp.contrib.healthz.checks.connection", lambda _alias: Stuck())
    with override_settings(HEALTH_CHECK_TIMEOUT=0.01):
        async with client(create_application()) as http:
            answer = await http.get("/healthz/ready")
            assert answer.json()["detail"]["databases"] == {"default": "timeout"}
