"""A database, a team's image, and two containers of it; each is made once."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from docker.models.images import Image
from e2e.stack import SOCKET_FOLDER, Service, settings
from integration.mariadb import MariaDB
from integration.ports import free_port

from image.engine import FRAMEWORK, Engine, Finished
from image.serving import HARDENED, PUBLISH, SERVE, fast_check, open_client, published_url

#: The image of `services/shop`.
TEAM = "shop:latest"
#: Starting a Python for each check is work for the machine.
CHECK_SECONDS = 2.0


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """The container engine."""
    with closing(Engine()) as engine:
        yield engine


@pytest.fixture(scope="session")
def framework(engine: Engine) -> Image:
    """The image that a team starts from."""
    return engine.image(FRAMEWORK)


@pytest.fixture(scope="session")
def team_image(engine: Engine) -> Image:
    """A team's image, made by one target. tests/fleet has one that a Dockerfile makes."""
    return engine.image(TEAM)


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDB]:
    """A database server of its own."""
    # Short: the path of a socket is limited.
    folder = Path(tempfile.mkdtemp(prefix="mdb"))
    # The user in the container comes to the socket through this folder.
    folder.chmod(0o755)
    server = MariaDB(folder)
    try:
        server.install()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def migrated(engine: Engine, team_image: Image, mariadb: MariaDB) -> Finished:
    """What ``migrate`` said, which is run once before any server."""
    return engine.run(
        team_image,
        *("python", "manage.py", "migrate"),
        environment=settings(mariadb, socket=False),
        network_mode="host",
        **HARDENED,
    )


@pytest.fixture(scope="session")
def host_service(
    engine: Engine, team_image: Image, mariadb: MariaDB, migrated: Finished
) -> Iterator[Service]:
    """On the loopback address of this machine, with the database over TCP."""
    port = free_port()
    environment = {**settings(mariadb, socket=False), "QK_PORT": str(port), "QK_HOST": "127.0.0.1"}
    with (
        engine.container(
            team_image,
            ("python", "manage.py", "runserver-aio"),
            environment=environment,
            network_mode="host",
            healthcheck=fast_check(team_image, CHECK_SECONDS),
            **HARDENED,
        ) as container,
        open_client(f"http://127.0.0.1:{port}") as client,
    ):
        yield Service(container, client)


@pytest.fixture(scope="session")
def published_service(
    engine: Engine, team_image: Image, mariadb: MariaDB, migrated: Finished
) -> Iterator[Service]:
    """As ``docker run -d -p`` makes it, with the database over a socket from outside."""
    with (
        engine.container(
            team_image,
            SERVE,
            environment=settings(mariadb, socket=True),
            ports=PUBLISH,
            volumes={str(mariadb.folder): {"bind": SOCKET_FOLDER, "mode": "ro"}},
            healthcheck=fast_check(team_image, CHECK_SECONDS),
            **HARDENED,
        ) as container,
        open_client(published_url(container)) as client,
    ):
        yield Service(container, client)


@pytest.fixture(params=["host_service", "published_service"])
def service(request: pytest.FixtureRequest) -> Service:
    """Each of the two."""
    found: Service = request.getfixturevalue(request.param)
    return found
