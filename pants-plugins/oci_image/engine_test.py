"""Talking to an engine: which one, and what a real one makes of images."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
import uuid
from pathlib import Path

import pytest

from oci_image.documents import CONFIG_TYPE, BaseConfig, document, image_config
from oci_image.engine import DEFAULT_SOCKET, Engine, EngineError, socket_of
from oci_image.recipe import Instruction, read_recipe


def test_the_engine_is_the_one_of_the_client(tmp_path: Path) -> None:
    assert socket_of({"DOCKER_HOST": "unix:///run/x.sock"}) == "/run/x.sock"
    assert socket_of({"DOCKER_HOST": "tcp://127.0.0.1:2375"}) is None
    assert socket_of({"DOCKER_CONTEXT": "far", "HOME": str(tmp_path)}) is None
    (tmp_path / "config.json").write_text('{"currentContext": "far"}', encoding="utf-8")
    assert socket_of({"DOCKER_CONFIG": str(tmp_path)}) is None


def test_no_engine_is_an_error_with_its_address(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="engine at .*none.sock does not answer"):
        Engine(str(tmp_path / "none.sock")).inspect("x")


def tar(name: str) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo(name)
        info.size = len(name)
        archive.addfile(info, io.BytesIO(name.encode()))
    return file.getvalue()


@pytest.fixture
def engine() -> Engine:
    return Engine(os.environ.get("DOCKER_HOST", "").replace("unix://", "") or DEFAULT_SOCKET)


def test_a_real_engine_takes_an_image_and_then_only_what_it_lacks(engine: Engine) -> None:
    # Content of its own each time, so that no layer is there from before.
    mark = uuid.uuid4().hex
    name = f"oci-image-test:{mark}"
    below, above, other = tar(f"{mark}-below"), tar(f"{mark}-above"), tar(f"{mark}-other")
    ids = {hashlib.sha256(layer).hexdigest(): layer for layer in (below, above, other)}
    low, high, second = ids
    base = BaseConfig("amd64", "linux", "", "2026-01-02T03:04:05Z", "{}", (low,))
    recipe = read_recipe(
        (Instruction("FROM", ("x",)), Instruction("ADD", ("l.tar", "/"), text="ADD l.tar /")), {}
    )
    first = image_config(base, recipe, {"l.tar": high}, {})
    assert engine.inspect(name) is None
    try:
        with pytest.raises(EngineError, match="refused"):
            engine.load(first, [name], (low, high), {high: above})
        assert engine.inspect(name) is None
        engine.load(first, [name, f"{name}-2"], (low, high), {low: below, high: above})
        found = engine.inspect(name)
        assert found is not None
        assert found.id == first.blob.digest
        assert found.base.diff_ids == (low, high)
        assert engine.inspect(f"{name}-2") == found
        # The lowest layer is there: it is not sent again.
        later = image_config(base, recipe, {"l.tar": second}, {})
        engine.load(later, [name], (low, second), {second: other})
        changed = engine.inspect(name)
        assert changed is not None
        assert changed.id == later.blob.digest
        assert engine.inspect(f"{name}-2") == found
    finally:
        for each in (name, f"{name}-2"):
            engine._request("DELETE", f"/images/{each}")


def test_a_layer_that_is_not_what_its_digest_says_is_refused(engine: Engine) -> None:
    mark = uuid.uuid4().hex
    layer = tar(mark)
    digest = hashlib.sha256(layer).hexdigest()
    config = document(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
        },
        CONFIG_TYPE,
    )
    with pytest.raises(EngineError, match="refused the image: .*"):
        engine.load(config, [f"oci-image-test:{mark}"], (digest,), {digest: tar("another")})
    assert json.loads(config.content)["os"] == "linux"
    assert engine.inspect(f"oci-image-test:{mark}") is None
