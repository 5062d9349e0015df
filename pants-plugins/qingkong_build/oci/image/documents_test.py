"""The documents of an image: the same for the same content, and as the specification has them."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from qingkong_build.oci.image.documents import (
    BaseConfig,
    BaseConfigError,
    Blob,
    canonical,
    docker_manifest,
    image_config,
    manifest,
)
from qingkong_build.oci.image.settings import ImageSettings

LAYER = "a" * 64
BELOW = "b" * 64
RAW = {
    "architecture": "arm64",
    "os": "linux",
    "variant": "v8",
    "created": "2026-01-02T03:04:05Z",
    "config": {"Env": ["A=1"], "Hostname": "x"},
    "rootfs": {"type": "layers", "diff_ids": [f"sha256:{BELOW}"]},
    "history": [{"created_by": "something"}],
}


SETTINGS = ImageSettings(user="1", labels=(("l", "v"),))


def test_a_configuration_has_the_layers_and_a_history_that_fits_them() -> None:
    base = BaseConfig.from_json(RAW, "base:1")
    config = image_config(base, SETTINGS, {"x.tar": LAYER})
    assert config.blob.digest == hashlib.sha256(config.content).hexdigest()
    assert config.blob.size == len(config.content)
    content = json.loads(config.content)
    assert content["rootfs"]["diff_ids"] == [f"sha256:{BELOW}", f"sha256:{LAYER}"]
    assert [entry["created_by"] for entry in content["history"]] == ["base", "layer x.tar"]
    assert content["variant"] == "v8"
    assert content["config"] == {"Env": ["A=1"], "User": "1", "Labels": {"l": "v"}}


def test_the_clock_has_no_part_in_it() -> None:
    base = BaseConfig.from_json(RAW, "base:1")
    config = image_config(base, SETTINGS, {"x.tar": LAYER})
    assert json.loads(config.content)["created"] == RAW["created"]
    later = image_config(base, SETTINGS, {"x.tar": LAYER}, created="2027-01-01T00:00:00Z")
    assert json.loads(later.content)["created"] == "2027-01-01T00:00:00Z"


def test_where_the_base_came_from_makes_no_difference() -> None:
    as_engines_tell = {**RAW, "config": {"Env": ["A=1"], "Image": "", "Domainname": ""}}
    as_engines_tell["history"] = []
    assert (
        image_config(BaseConfig.from_json(RAW, "base:1"), SETTINGS, {"x.tar": LAYER}).content
        == image_config(
            BaseConfig.from_json(as_engines_tell, "base:1"), SETTINGS, {"x.tar": LAYER}
        ).content
    )


def test_a_manifest_names_each_blob_by_type_digest_and_size() -> None:
    layer = Blob(LAYER, 10, "application/vnd.oci.image.layer.v1.tar+gzip")
    config = Blob(BELOW, 20, "application/vnd.oci.image.config.v1+json")
    below = Blob(BELOW, 30, layer.media_type)
    content = json.loads(manifest(config, [below], [layer], {"a": "b"}).content)
    assert content["layers"] == [
        {"mediaType": layer.media_type, "digest": f"sha256:{BELOW}", "size": 30},
        {"mediaType": layer.media_type, "digest": f"sha256:{LAYER}", "size": 10},
    ]
    assert content["annotations"] == {"a": "b", "io.qingkong.image.base-layers": "1"}
    assert content["config"]["digest"] == f"sha256:{BELOW}"
    assert content["schemaVersion"] == 2


def test_the_same_content_is_the_same_bytes() -> None:
    assert canonical({"b": 1, "a": "é"}) == '{"a":"é","b":1}'.encode()
    assert json.loads(docker_manifest("c.json", ["a:1", "b:1"], ["x"])) == [
        {"Config": "c.json", "RepoTags": ["a:1", "b:1"], "Layers": ["x"]}
    ]


@pytest.mark.parametrize(
    ("changes", "field", "value"),
    [
        ({"architecture": None}, "architecture", "None"),
        ({"architecture": 1}, "architecture", "1"),
        ({"os": ""}, "os", "''"),
        ({"rootfs": None}, "rootfs.diff_ids", "None"),
        ({"rootfs": []}, "rootfs.diff_ids", "None"),
        ({"rootfs": {"diff_ids": ["sha256:../../x"]}}, "rootfs.diff_ids", "['sha256:../../x']"),
        ({"rootfs": {"diff_ids": [7]}}, "rootfs.diff_ids", "[7]"),
        ({"config": "x"}, "config", "'x'"),
        ({"config": {"Env": ["NAME"]}}, "config.Env", "'NAME'"),
        ({"config": {"Env": ["=x"]}}, "config.Env", "'=x'"),
        ({"config": {"Env": {"A": "1"}}}, "config.Env", "{'A': '1'}"),
        ({"config": {"Cmd": "sh"}}, "config.Cmd", "'sh'"),
        ({"config": {"Labels": ["a"]}}, "config.Labels", "['a']"),
        ({"config": {"User": 0.5}}, "config.User", "0.5"),
        ({"config": {"OnBuild": ["RUN x"]}}, "config.OnBuild", "['RUN x']"),
    ],
)
def test_a_malformed_base_is_one_error(changes: dict[str, Any], field: str, value: str) -> None:
    with pytest.raises(BaseConfigError) as error:
        BaseConfig.from_json({**RAW, **changes}, "base:1")
    assert f"the base base:1: {field}={value}: " in str(error.value)
    assert "Fix: " in str(error.value)


def test_what_a_base_may_leave_out() -> None:
    rootfs: dict[str, list[str]] = {"diff_ids": []}
    found = BaseConfig.from_json({"architecture": "amd64", "os": "linux", "rootfs": rootfs}, "x")
    assert (found.config, found.variant, found.diff_ids) == ("{}", "", ())
