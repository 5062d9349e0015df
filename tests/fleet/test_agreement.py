"""The image, compose.yaml and the overlays say the same, so that none of them is left behind."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from fleet.descriptions import (
    Document,
    compose_project,
    compose_services,
    environment_of,
    named,
    pod_specs,
)

from fastapp.conf import BaseSettings
from image.build_files import read_build_file

pytestmark = pytest.mark.timeout(300)

#: Each by the name of the pod and of the services.
SERVICES = {"service": ("service-1", "service-2"), "gateway": ("gateway",), "migrate": ("migrate",)}
#: What differs from one place to the next.
LOCAL = {
    "QK_ALLOWED_HOSTS",
    "QK_DATABASES__default__HOST",
    "QK_TRUSTED_PROXIES",
    "QK_UPSTREAMS",
}
#: Seconds after SHUTDOWN_TIMEOUT in which a server kills what has not ended (docs/production.md).
KILLING_SECONDS = 5


@pytest.fixture(scope="module")
def image() -> dict[str, Any]:
    """The fields of the image's target."""
    return read_build_file("deploy/BUILD")["oci"].fields


@pytest.fixture(scope="module")
def services(deploy: Path) -> dict[str, Document]:
    """The services of compose.yaml."""
    return compose_services(deploy)


def test_a_service_has_a_project_and_a_database_of_its_own(deploy: Path) -> None:
    """For another than the example: test_entries.py."""
    name = "shop"
    project = compose_project(deploy)
    assert project["name"] == name
    assert project["volumes"]["database"]["name"] == f"{name}_database"
    services = project["services"]
    for key in ("MARIADB_DATABASE", "MARIADB_USER"):
        assert services["database"]["environment"][key] == name
    for key in ("QK_DATABASES__default__NAME", "QK_DATABASES__default__USER"):
        assert services["service-1"]["environment"][key] == name
    assert set(json.loads(services["gateway"]["environment"]["QK_UPSTREAMS"])) == {name}


def test_the_same_user(
    image: dict[str, Any], services: dict[str, Document], resources: list[Document]
) -> None:
    for name, pod in pod_specs(resources).items():
        context = pod["securityContext"]
        assert f"{context['runAsUser']}:{context['runAsGroup']}" == image["user"]
        for service in SERVICES[name]:
            assert services[service]["user"] == image["user"]


def test_the_same_port(
    image: dict[str, Any], services: dict[str, Document], resources: list[Document]
) -> None:
    (port,) = (int(text) for text in image["exposed_ports"])
    assert [str(found["target"]) for found in services["gateway"]["ports"]] == [str(port)]
    upstreams = json.loads(services["gateway"]["environment"]["QK_UPSTREAMS"])
    assert upstreams == {"shop": [f"http://{name}:{port}" for name in SERVICES["service"]]}
    for name in ("service", "gateway"):
        (container,) = pod_specs(resources)[name]["containers"]
        assert container["ports"] == [{"name": "http", "containerPort": port}]
        (found,) = named(resources, "Service")[name]["spec"]["ports"]
        assert (found["port"], found["targetPort"]) == (port, "http")
    gateway = environment_of(resources, pod_specs(resources)["gateway"])
    assert json.loads(gateway["QK_UPSTREAMS"]) == {"shop": [f"http://service:{port}"]}


def test_the_same_health(
    image: dict[str, Any], services: dict[str, Document], resources: list[Document]
) -> None:
    (path,) = set(re.findall(r"/healthz/\w+", " ".join(image["healthcheck"]["test"])))
    for name in ("service", "gateway"):
        for service in SERVICES[name]:
            assert "test" not in services[service]["healthcheck"], "the image's own is"
        (container,) = pod_specs(resources)[name]["containers"]
        for probe in ("startupProbe", "livenessProbe"):
            assert container[probe]["httpGet"] == {"path": path, "port": "http"}
        ready = container["readinessProbe"]["httpGet"]
        assert ready == {"path": "/healthz/ready", "port": "http"}


def test_the_same_end(
    image: dict[str, Any], services: dict[str, Document], resources: list[Document]
) -> None:
    """The image's signal, and as long as a server takes at the most."""
    assert image["stop_signal"] == "SIGTERM"
    longest = BaseSettings.from_values({}).SHUTDOWN_TIMEOUT + KILLING_SECONDS
    for name in ("service", "gateway"):
        for service in SERVICES[name]:
            assert "stop_signal" not in services[service]
            assert int(services[service]["stop_grace_period"].removesuffix("s")) >= longest
        pod = pod_specs(resources)[name]
        (container,) = pod["containers"]
        before = container["lifecycle"]["preStop"]["sleep"]["seconds"]
        assert pod["terminationGracePeriodSeconds"] >= longest + before


def test_the_same_places(
    image: dict[str, Any], services: dict[str, Document], resources: list[Document]
) -> None:
    """What can be written, and the file of secrets where the framework looks for it."""
    expected = {"/tmp", *image["volumes"]}
    secrets = f"{image['workdir']}/.env"
    for name, pod in pod_specs(resources).items():
        (container,) = pod["containers"]
        mounts = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
        assert set(mounts) == expected | {secrets}
        assert (mounts[secrets]["subPath"], mounts[secrets]["readOnly"]) == (".env", True)
        for service in SERVICES[name]:
            assert {text.split(":")[0] for text in services[service]["tmpfs"]} == expected
            assert [secret["target"] for secret in services[service]["secrets"]] == [secrets]


def test_the_same_commands_and_memory(
    services: dict[str, Document], resources: list[Document]
) -> None:
    for name, pod in pod_specs(resources).items():
        (container,) = pod["containers"]
        for service in SERVICES[name]:
            assert services[service]["command"] == container["command"]
            limits = services[service]["deploy"]["resources"]["limits"]
            memory = int(limits["memory"]) >> 20
            assert container["resources"]["limits"]["memory"] == f"{memory}Mi", service


def test_the_same_settings(services: dict[str, Document], resources: list[Document]) -> None:
    for name, pod in pod_specs(resources).items():
        settings = environment_of(resources, pod)
        for service in SERVICES[name]:
            other = services[service]["environment"]
            assert set(other) == set(settings)
            for key in set(settings) - LOCAL:
                assert other[key] == settings[key], key


def test_every_setting_is_one(services: dict[str, Document], resources: list[Document]) -> None:
    """A name that no setting has would change nothing, and be one line in a log."""
    names = {
        name
        for found in (
            *(environment_of(resources, pod) for pod in pod_specs(resources).values()),
            *(services[service]["environment"] for group in SERVICES.values() for service in group),
        )
        for name in found
    }
    known = set(BaseSettings.model_fields)
    assert {name.removeprefix("QK_").split("__")[0] for name in names} <= known
    assert not [name for name in names if "PASSWORD" in name or "SECRET" in name]
