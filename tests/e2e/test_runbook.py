"""Each failure of docs/runbook.md, provoked: the image prints what the page quotes."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from docker.models.containers import Container
from docker.models.images import Image
from e2e.stack import settings
from integration.mariadb import MariaDB
from integration.ports import free_port
from pages import read_sections

from image.engine import Engine, Finished, logs, wait_until
from image.serving import SERVER_SETTINGS, open_client

pytestmark = pytest.mark.timeout(240)

SECTIONS = read_sections(Path("docs/runbook.md"))
_QUOTED = re.compile(r"^```text\n(.*?)^```$", re.M | re.S)
SERVE = ("python", "manage.py", "runserver-aio")
CHECK = ("python", "manage.py", "check", "--database", "all")


def quoted(title: str) -> list[str]:
    """The lines that a section quotes."""
    return "".join(_QUOTED.findall(SECTIONS[title].text)).splitlines()


@dataclass(frozen=True)
class Shop:
    """The image of the shop in its engine."""

    engine: Engine
    image: Image

    def run(self, *command: str, **changes: str) -> Finished:
        """Run a command with these settings beside those that a server needs."""
        return self.engine.run(self.image, *command, environment={**SERVER_SETTINGS, **changes})

    @contextmanager
    def serving(self, *command: str, **changes: str) -> Iterator[tuple[Container, Any]]:
        """A server of this machine's network, and a client of it."""
        port = free_port()
        environment = {
            **SERVER_SETTINGS,
            "QK_HOST": "127.0.0.1",
            "QK_PORT": str(port),
            **changes,
        }
        with (
            self.engine.container(
                self.image, command or SERVE, environment=environment, network_mode="host"
            ) as container,
            open_client(f"http://127.0.0.1:{port}") as client,
        ):
            yield container, client

    def answer_and_log(self, path: str, *command: str, **changes: str) -> str:
        """What a server answers to one request, and what it logs."""
        with self.serving(*command, **changes) as (container, client):
            answer = client.get(path)
            wait_until(lambda: answer.headers["x-request-id"] in logs(container), "it logs")
            return f"{answer.text}\n{logs(container)}"


@pytest.fixture(scope="session")
def shop(engine: Engine, team_image: Image) -> Shop:
    return Shop(engine, team_image)


@contextmanager
def listener() -> Iterator[int]:
    """A port of the loopback address where connections wait for ever."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def output(done: Finished, code: int = 1) -> str:
    assert done.code == code, done
    return done.output + done.errors


def no_secret(shop: Shop, _: MariaDB) -> str:
    return output(shop.run(*SERVE, QK_SECRET_KEY=""))


def port_in_use(shop: Shop, _: MariaDB) -> str:
    with listener() as port:
        changes = {**SERVER_SETTINGS, "QK_HOST": "127.0.0.1", "QK_PORT": str(port)}
        done = shop.engine.run(shop.image, *SERVE, environment=changes, network_mode="host")
    return output(done)


def unwritable(shop: Shop, _: MariaDB) -> str:
    done = shop.engine.run(
        shop.image, "python", "manage.py", "migrate", environment=SERVER_SETTINGS, user="12345"
    )
    return output(done)


def wrong_host(shop: Shop, _: MariaDB) -> str:
    return shop.answer_and_log("/shop/products", QK_ALLOWED_HOSTS="shop.example.com")


def unknown_setting(shop: Shop, _: MariaDB) -> str:
    told = output(shop.run("python", "manage.py", "check", QK_ALOWED_HOSTS="x"), 0)
    logged = shop.answer_and_log("/healthz/live", QK_ALOWED_HOSTS="x")
    (line,) = quoted("A setting has no effect")
    assert line in told
    return logged


def nowhere() -> dict[str, str]:
    """Settings of a database that does not answer."""
    wanted = {"ENGINE": "mysql", "HOST": "127.0.0.1", "PORT": "1", "NAME": "x", "USER": "u"}
    return {f"QK_DATABASES__default__{name}": value for name, value in wanted.items()}


def no_database(shop: Shop, _: MariaDB) -> str:
    paths = ("/healthz/ready", "/shop/products")
    return "".join(shop.answer_and_log(path, **nowhere()) for path in paths)


def wrong_password(shop: Shop, mariadb: MariaDB) -> str:
    environment = settings(mariadb, socket=False)
    databases = json.loads(environment["QK_DATABASES"])
    databases["default"]["PASSWORD"] = "wrong"
    environment["QK_DATABASES"] = json.dumps(databases)
    done = shop.engine.run(shop.image, *CHECK, environment=environment, network_mode="host")
    return output(done)


def no_tables(shop: Shop, _: MariaDB) -> str:
    with shop.serving() as (container, client):
        answer = client.get("/shop/products")
        wait_until(lambda: answer.headers["x-request-id"] in logs(container), "it logs")
        said = container.exec_run(list(CHECK)).output
        assert isinstance(said, bytes)
        return f"{answer.text}\n{logs(container)}\n{said.decode()}"


def upstream(port: int) -> dict[str, str]:
    return {"QK_UPSTREAMS": json.dumps({"shop": [f"http://127.0.0.1:{port}"]})}


def bad_gateway(shop: Shop, _: MariaDB) -> str:
    return shop.answer_and_log("/shop/products", "python", "manage.py", "gateway", **upstream(1))


def gateway_timeout(shop: Shop, _: MariaDB) -> str:
    with listener() as port:
        changes = {**upstream(port), "QK_GATEWAY_READ_TIMEOUT": "1"}
        return shop.answer_and_log("/shop/products", "python", "manage.py", "gateway", **changes)


def out_of_memory(shop: Shop, _: MariaDB) -> str:
    limits = {"mem_limit": "30m", "memswap_limit": "30m"}
    with shop.engine.container(
        shop.image, SERVE, environment=SERVER_SETTINGS, **limits
    ) as container:
        assert container.wait(timeout=120)["StatusCode"] == 137
        container.reload()
        return json.dumps(container.attrs["State"])


FAILURES: dict[str, Callable[[Shop, MariaDB], str]] = {
    "The secret is missing": no_secret,
    "Another process has the port": port_in_use,
    "The data directory cannot be written": unwritable,
    "Every request is answered with 400": wrong_host,
    "A setting has no effect": unknown_setting,
    "The database does not answer": no_database,
    "The database refuses the password": wrong_password,
    "Tables are missing": no_tables,
    "The gateway answers 502": bad_gateway,
    "The gateway answers 504": gateway_timeout,
    "A container is killed again and again": out_of_memory,
}


@pytest.mark.parametrize("title", SECTIONS)
def test_what_an_operator_sees(title: str, shop: Shop, mariadb: MariaDB) -> None:
    said = FAILURES[title](shop, mariadb)
    lines = quoted(title)
    assert lines
    for line in lines:
        pattern = ".*".join(map(re.escape, line.split("…")))
        assert re.search(pattern, said), (line, said)
