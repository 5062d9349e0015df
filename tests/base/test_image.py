"""`make image` with an engine and without one: what is asked of Pants."""

from __future__ import annotations

from pathlib import Path

import pytest

from base.machines import DEBIAN, FEDORA, Machine

SCRIPT = "build-support/setup/image.sh"
ARCHIVE = "dist/deploy/oci.tar: 'docker load'"


def machine_with(tmp_path: Path, os_release: str = DEBIAN) -> Machine:
    """All that the build needs but an engine, for who may install nothing."""
    machine = Machine(tmp_path, os_release=os_release)
    machine.with_python()
    for name in ("gcc", "strip"):
        machine.program(name)
    # It says of itself what it is asked for.
    python = machine.path / "python3.9"
    machine.program("python3.9", f"echo {python}")
    machine.variables["PANTS_PYTHON39"] = str(python)
    pants = machine.repo / "pants"
    words = "pants $* [$PANTS_IMAGE_ASSEMBLY_BASE]"
    pants.write_text(f'#!/bin/sh\necho "{words}" >>{machine.log}\n', encoding="utf-8")
    pants.chmod(0o755)
    return machine


@pytest.mark.parametrize(
    ("base", "option"),
    [
        ("", "python:3.12-slim-bookworm"),
        ("registry.example/python:3.12", "registry.example/python:3.12"),
        ("oci:/base", "oci:/base"),
        ("docker-archive:/base.tar", "docker-archive:/base.tar"),
    ],
)
def test_without_an_engine_it_is_an_archive(tmp_path: Path, base: str, option: str) -> None:
    machine = machine_with(tmp_path, os_release=FEDORA)
    result = machine.run(SCRIPT, env={"BASE_IMAGE": base})
    assert result.returncode == 0, result.stderr
    # What to install for an engine is said all the same.
    assert "setup: missing: engine" in result.stderr
    assert ARCHIVE in result.stdout
    assert machine.calls("pants") == [f"pants package deploy:oci [{option}]"]


def test_the_stand_in_takes_an_engine(tmp_path: Path) -> None:
    machine = machine_with(tmp_path, os_release=FEDORA)
    result = machine.run(SCRIPT, env={"BASE_IMAGE": "stand-in"})
    assert result.returncode == 1
    assert "BASE_IMAGE=stand-in is made in a container engine, and there is none" in result.stderr
    assert machine.calls("pants") == []


def test_what_else_is_missing_stops_it(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.program("apt-get")
    result = machine.run(SCRIPT)
    assert result.returncode == 1
    assert "setup: missing: compiler python3.9 python3.12" in result.stderr
    assert ARCHIVE not in result.stdout


def test_with_an_engine_it_runs_what_it_made(tmp_path: Path) -> None:
    machine = machine_with(tmp_path).with_engine()
    machine.says("images", "python:3.12-slim-bookworm")
    machine.variables["DOCKER_HOST"] = "unix:///engine"
    result = machine.run(SCRIPT)
    assert result.returncode == 0, result.stderr
    # The driver beside the base, and then the image.
    assert machine.calls("pants") == [
        "pants --no-dynamic-ui package 3rdparty/asyncmy:wheel []",
        "pants package deploy:image []",
    ]
    assert machine.calls("docker run") == ["docker run --rm fastapp:latest-py3.12"]
