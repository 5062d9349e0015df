"""Containers of the image: its default command, a hardened server, its health and its end."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from docker.models.containers import Container
from docker.models.images import Image

from image.engine import Engine, finish, logs, wait_until
from image.serving import (
    HARDENED,
    PUBLISH,
    SERVE,
    SERVER_SETTINGS,
    fast_check,
    health,
    open_client,
    published_url,
)

pytestmark = pytest.mark.timeout(120)

#: Seconds in which a server with nothing to do has to end.
# `docker stop` kills after 10 s: an idle connection has SHUTDOWN_GRACE (5 s) of them.
END_SECONDS = 10.0


@pytest.fixture(scope="module")
def server(engine: Engine, image: Image) -> Iterator[tuple[Container, httpx.Client]]:
    """A server that may do nothing but serve, on SQLite in a volume."""
    with (
        engine.volume() as volume,
        engine.container(
            image,
            SERVE,
            environment=SERVER_SETTINGS,
            ports=PUBLISH,
            volumes={volume.name: {"bind": "/var/lib/qingkong", "mode": "rw"}},
            healthcheck=fast_check(image),
            **HARDENED,
        ) as container,
        open_client(published_url(container)) as client,
    ):
        yield container, client


def test_the_default_command(engine: Engine, image: Image) -> None:
    done = engine.run(image)
    assert (done.code, done.errors) == (0, "")
    assert "QingKong (fastapp)" in done.output
    described = "asyncmy 0.2.18+qingkong.1 (optimised: -Os -flto -ffast-math | -flto -s; patches: "
    assert f"{described}decode-rows-in-place, " in done.output


def test_about_as_json_of_a_hardened_container(engine: Engine, image: Image) -> None:
    done = engine.run(image, "python", "manage.py", "about", "--json", **HARDENED)
    assert done.code == 0, done.errors
    about = json.loads(done.output)
    assert about["python"]["version"].startswith("3.12.")
    assert about["asyncmy"]["optimised"] is True
    assert about["asyncmy"]["provenance"]["link_args"] == ["-flto", "-s"]
    assert about["apps"] == []
    assert about["settings"]["TIME_ZONE"] == "Asia/Shanghai"


def test_a_hardened_container_is_one(engine: Engine, image: Image) -> None:
    """What it is started with took effect, and Python still knows the time zone."""
    code = "import time; print(open('/proc/self/status').read(), time.strftime('%Z'))"
    done = engine.run(image, "python", "-c", code, **HARDENED)
    assert done.code == 0, done.errors
    for capabilities in ("CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert f"{capabilities}:\t0000000000000000\n" in done.output
    assert "NoNewPrivs:\t1\n" in done.output
    assert done.output.endswith("CST\n")


def test_about_as_a_user_that_the_platform_chose(engine: Engine, image: Image) -> None:
    done = engine.run(image, user="1234567:0", **HARDENED)
    assert done.code == 0, done.errors
    assert "optimised" in done.output


def test_unknown_commands_fail(engine: Engine, image: Image) -> None:
    done = engine.run(image, "python", "manage.py", "runserver-aoi")
    assert (done.code, done.output) == (2, "")
    assert "Did you mean 'runserver-aio'?" in done.errors
    assert "Traceback" not in done.errors


def test_no_server_without_a_secret(engine: Engine, image: Image) -> None:
    done = engine.run(image, *SERVE)
    assert done.code == 1
    assert "SECRET_KEY" in done.errors
    assert "Traceback" not in done.errors


def test_it_is_reached_from_outside(server: tuple[Container, httpx.Client]) -> None:
    _, client = server
    assert client.get("/healthz/live").json() == {"status": "ok"}
    missing = client.get("/no-such-thing", headers={"X-Request-ID": "from-outside"})
    assert missing.status_code == 404
    assert missing.json()["error"] == "not_found"
    assert missing.json()["request_id"] == missing.headers["x-request-id"] == "from-outside"
    assert client.get("/healthz/live", headers={"Host": "evil.test"}).status_code == 200
    assert client.get("/", headers={"Host": "evil.test"}).status_code == 400


def test_sqlite_is_in_the_volume(server: tuple[Container, httpx.Client]) -> None:
    container, client = server
    ready = client.get("/healthz/ready")
    assert (ready.status_code, ready.json()["databases"]) == (200, {"default": "ok"}), ready.text
    # Writing and reading it, as the root of the container may not be written.
    code = (
        "import sqlite3; d = sqlite3.connect('/var/lib/qingkong/db.sqlite3'); "
        "d.execute('CREATE TABLE t (x)'); d.commit(); print(open('/proc/mounts').read(), end='')"
    )
    done = container.exec_run(["python", "-c", code])
    assert done.exit_code == 0, done.output
    output: Any = done.output
    mounts = [line.split() for line in output.decode().splitlines()]
    options = {mount[1]: mount[3].split(",") for mount in mounts}
    assert "ro" in options["/"]
    assert "rw" in options["/var/lib/qingkong"]


def test_the_health_check_sees_it(server: tuple[Container, httpx.Client]) -> None:
    container, _ = server
    wait_until(lambda: health(container) == "healthy", "the container is healthy")


def test_the_health_check_sees_that_nothing_serves(engine: Engine, image: Image) -> None:
    sleep = ("python", "-c", "import time; time.sleep(600)")
    with engine.container(image, sleep, healthcheck=fast_check(image), **HARDENED) as container:
        wait_until(lambda: health(container) == "unhealthy", "the container is unhealthy")


def test_it_ends_in_order(engine: Engine, image: Image) -> None:
    with engine.container(
        image, SERVE, environment=SERVER_SETTINGS, ports=PUBLISH, **HARDENED
    ) as container:
        # The connection stays open, as those of a balancer do.
        with open_client(published_url(container)) as client:
            assert client.get("/healthz/live").status_code == 200
            began = time.monotonic()
            container.kill("SIGTERM")
            done = finish(container, seconds=END_SECONDS + 10)
            took = time.monotonic() - began
        assert done.code == 0, logs(container)
        assert took < END_SECONDS
        assert "Application shutdown complete" in done.errors
        assert "Traceback" not in done.errors
