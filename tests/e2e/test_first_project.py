"""A project made with nothing but the image: its three apps, the gateway, and a browser on /docs.

As ``docs/first-app.md`` tells it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from docker.models.containers import Container
from docker.models.images import Image
from integration.first_project import APPS, missing_apps, try_every_app

from image.engine import FRAMEWORK, Engine, wait_until
from image.serving import HARDENED, PUBLISH, open_client, published_url

pytestmark = pytest.mark.timeout(400)

DOCKERFILE = f"""\
FROM {FRAMEWORK}
COPY common /app/common
COPY apps /app/apps
"""
DATA = "/var/lib/qingkong"


@pytest.fixture(scope="module")
def project(
    engine: Engine, framework: Image, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, int]:
    """The folder of the project, and the user that it belongs to."""
    folder = tmp_path_factory.mktemp("first")
    # As ``docker run --user "$(id -u):$(id -g)"``, and never as root.
    user = os.getuid() or 1000
    if user != os.getuid():
        os.chown(folder, user, user)

    def manage(program: str, place: str, *arguments: str) -> str:
        done = engine.run(
            framework,
            *("python", program, *arguments),
            user=f"{user}:{user}",
            volumes={str(folder): {"bind": "/project", "mode": "rw"}},
            working_dir=place,
            **HARDENED,
        )
        assert done.code == 0, done.errors
        return done.output

    assert "mysite" in manage("/app/manage.py", "/project", "startproject", "mysite")
    for app in APPS:
        assert f"/{app}" in manage("manage.py", "/project/mysite", "startapp", app)
    return folder / "mysite", user


@pytest.fixture(scope="module")
def image(engine: Engine, project: tuple[Path, int]) -> Iterator[Image]:
    """The project's image."""
    folder, _ = project
    (folder / "Dockerfile").write_text(DOCKERFILE, encoding="utf-8")
    with engine.built(str(folder), "first") as made:
        yield made


@pytest.fixture(scope="module")
def environment(project: tuple[Path, int]) -> dict[str, str]:
    """As ``--env-file .env`` reads what ``startproject`` made."""
    lines = (project[0] / ".env").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


@pytest.fixture(scope="module")
def services(engine: Engine, image: Image, environment: dict[str, str]) -> Iterator[Container]:
    """``runserver`` on a migrated database, with the gateway's port."""
    with engine.volume() as volume:
        volumes = {volume.name: {"bind": DATA, "mode": "rw"}}
        migrated = engine.run(
            image,
            *("python", "manage.py", "migrate"),
            environment=environment,
            volumes=volumes,
            **HARDENED,
        )
        assert migrated.code == 0, migrated.errors
        with engine.container(
            image,
            ("python", "manage.py", "runserver"),
            environment=environment,
            ports=PUBLISH,
            volumes=volumes,
            **HARDENED,
        ) as container:
            yield container


@pytest.fixture(scope="module")
def gateway(
    engine: Engine, image: Image, environment: dict[str, str], services: Container
) -> Iterator[httpx.Client]:
    """A client of the gateway, from when it finds every app."""
    with (
        engine.container(
            image,
            ("python", "manage.py", "gateway"),
            environment=environment,
            network_mode=f"container:{services.id}",
            **HARDENED,
        ),
        open_client(published_url(services)) as client,
    ):
        wait_until(lambda: not missing_apps(client), "every app is up")
        yield client


def test_what_is_made_belongs_to_the_user(project: tuple[Path, int]) -> None:
    folder, user = project
    made = [folder, *folder.rglob("*")]
    assert {path.lstat().st_uid for path in made if path.name != "Dockerfile"} == {user}
    assert {path.name for path in (folder / "apps").iterdir() if path.is_dir()} == set(APPS)


FILES_WITH = """
import pathlib, sys
for path in pathlib.Path().rglob("*"):
    if path.is_file() and sys.argv[1].encode() in path.read_bytes():
        print(path)
"""


def test_no_secret_of_the_project_is_in_the_image(
    engine: Engine, image: Image, environment: dict[str, str]
) -> None:
    def files_with(text: str) -> list[str]:
        return engine.run(image, "python", "-c", FILES_WITH, text).output.split()

    assert "apps/blog/models.py" in files_with("BlogItem")
    assert files_with(environment["QK_SECRET_KEY"]) == []


def test_each_app_has_a_process_of_its_own(
    engine: Engine, image: Image, services: Container, gateway: httpx.Client
) -> None:
    about = engine.run(image, "python", "manage.py", "about", "--json", **HARDENED)
    ports = {app["label"]: app["port"] for app in json.loads(about.output)["apps"]}
    assert set(ports) == set(APPS)
    ask = "import sys, urllib.request as r; print(r.urlopen(sys.argv[1]).status)"
    for app, port in ports.items():
        for other in APPS:
            url = f"http://127.0.0.1:{port}/{other}/items"
            code, output = services.exec_run(["python", "-c", ask, url])
            # It serves its own app, and no other.
            assert (code == 0) is (app == other), output


def test_the_page_shows_every_app_and_runs_an_operation(
    gateway: httpx.Client, tmp_path: Path
) -> None:
    try_every_app(gateway, tmp_path)
