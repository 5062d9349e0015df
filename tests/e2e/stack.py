"""A team's service: an image with its apps, its containers, and their database."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pymysql
from docker.models.containers import Container
from integration.mariadb import DATABASE, PASSWORD, USER, MariaDB
from pymysql.cursors import DictCursor

from image.serving import SERVER_SETTINGS, health

#: Where a container finds the socket of the database.
SOCKET_FOLDER = "/run/mariadb"
#: What no answer may tell: where the database is, who asks it, and how.
INTERNALS = (
    *(DATABASE, USER, PASSWORD, "127.0.0.1", "s.sock"),
    *("asyncmy", "tortoise", "mysql", "mariadb", "traceback", "errno", "select ", "insert "),
)
BODY_KEYS = {"error", "message", "detail", "request_id"}


@dataclass(frozen=True)
class Service:
    """A running container and a client of it."""

    container: Container
    client: httpx.Client

    @property
    def identity(self) -> tuple[Any, ...]:
        """Differs when the process is another one than before."""
        self.container.reload()
        attributes: dict[str, Any] = self.container.attrs
        state = attributes["State"]
        return attributes["Id"], state["Pid"], state["StartedAt"], attributes["RestartCount"]

    def is_healthy(self) -> bool:
        """Whether the engine believes so."""
        return health(self.container) == "healthy"

    def is_ready(self) -> bool:
        """Whether it says so itself."""
        return self.client.get("/healthz/ready").status_code == 200

    def make(self, **product: Any) -> dict[str, Any]:
        """Make a product over HTTP."""
        answer = self.client.post("/shop/products", json=product)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    def get_many(self, path: str, times: int) -> list[httpx.Response]:
        """Ask several times at once, so that several connections to the database are in use."""
        with ThreadPoolExecutor(8) as pool:
            return list(pool.map(self.client.get, [path] * times))


def settings(server: MariaDB, *, socket: bool) -> dict[str, str]:
    """The environment of a container that uses a database server."""
    database: dict[str, Any] = {"NAME": DATABASE, "USER": USER, "PASSWORD": PASSWORD}
    if socket:
        database["OPTIONS"] = {"unix_socket": f"{SOCKET_FOLDER}/{server.socket.name}"}
    else:
        database |= {"HOST": "127.0.0.1", "PORT": server.port}
    return {
        **SERVER_SETTINGS,
        "QK_DATABASES": json.dumps({"default": {"ENGINE": "mysql", **database}}),
    }


@contextmanager
def database_session(server: MariaDB) -> Iterator[DictCursor]:
    """A session of its own with the database, which knows nothing of the framework."""
    connection = pymysql.connect(
        host="127.0.0.1",
        port=server.port,
        user=USER,
        password=PASSWORD,
        database=DATABASE,
        charset="utf8mb4",
        autocommit=True,
        connect_timeout=60,
        read_timeout=60,
        write_timeout=60,
        cursorclass=DictCursor,
    )
    with connection, connection.cursor() as cursor:
        yield cursor


def query(server: MariaDB, statement: str, *values: Any) -> list[dict[str, Any]]:
    """The rows that a statement gives."""
    with database_session(server) as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())


def assert_uniform(answer: httpx.Response, status: int, error: str) -> dict[str, Any]:
    """The answer is an error in the uniform form, and tells nothing of what is inside."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    body: dict[str, Any] = answer.json()
    assert set(body) == BODY_KEYS
    assert body["error"] == error
    assert body["request_id"] == answer.headers["x-request-id"]
    text = answer.text.lower()
    assert [word for word in INTERNALS if word.lower() in text] == []
    return body
