"""What settings make of those of a base."""

from __future__ import annotations

import json
from typing import Any

import pytest

from qingkong_build.oci.image.settings import (
    Healthcheck,
    ImageSettings,
    SettingsError,
    configured,
    nanoseconds,
)


def test_each_setting_is_where_the_image_format_has_it() -> None:
    settings = ImageSettings(
        env=(("A", "1"),),
        labels=(("a", "b c"),),
        user="10001:10001",
        workdir="/app",
        entrypoint=("tini", "--"),
        cmd=("python", "x"),
        exposed_ports=("80/tcp", "53/udp"),
        volumes=("/data",),
        stop_signal="SIGTERM",
        healthcheck=Healthcheck(("CMD", "true"), interval=90 * 10**9, retries=2),
    )
    assert configured({}, settings) == {
        "Env": ["A=1"],
        "Labels": {"a": "b c"},
        "User": "10001:10001",
        "WorkingDir": "/app",
        "Entrypoint": ["tini", "--"],
        "Cmd": ["python", "x"],
        "ExposedPorts": {"80/tcp": {}, "53/udp": {}},
        "Volumes": {"/data": {}},
        "StopSignal": "SIGTERM",
        "Healthcheck": {"Test": ["CMD", "true"], "Interval": 90 * 10**9, "Retries": 2},
    }


def test_what_is_not_set_is_that_of_the_base() -> None:
    base = {
        "Env": ["A=1"],
        "Labels": {"a": "1"},
        "User": "1",
        "Cmd": ["x"],
        "Shell": ["/bin/bash", "-c"],
        "Healthcheck": {"Test": ["CMD", "y"]},
    }
    assert configured(base, ImageSettings()) == base


def test_names_and_values_are_added_and_the_base_stays_as_it_was() -> None:
    base = {"Labels": {"a": "1"}, "Env": ["A=1", "B=2"], "Volumes": {"/x": {}}}
    before = json.dumps(base)
    settings = ImageSettings(env=(("A", "3"), ("C", "4")), labels=(("b", "2"),), volumes=("/y",))
    assert configured(base, settings) == {
        "Labels": {"a": "1", "b": "2"},
        "Env": ["A=3", "B=2", "C=4"],
        "Volumes": {"/x": {}, "/y": {}},
    }
    assert json.dumps(base) == before


def test_a_variable_may_be_put_before_what_the_base_says() -> None:
    settings = ImageSettings(env=(("PATH", "/app/bin:${PATH}"), ("PRICE", "$5 {PATH}")))
    assert configured({"Env": ["PATH=/bin"]}, settings)["Env"] == [
        "PATH=/app/bin:/bin",
        "PRICE=$5 {PATH}",
    ]


@pytest.mark.parametrize("base", [{}, {"Env": ["OTHER=1"]}])
def test_a_variable_that_the_base_lacks_is_an_error(base: dict[str, Any]) -> None:
    with pytest.raises(SettingsError) as error:
        configured(base, ImageSettings(env=(("A", "${APP_UID}"),)))
    for part in ("env=", "'A'", "${APP_UID}", "Fix: "):
        assert part in str(error.value)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (ImageSettings(entrypoint=("a",)), {"Entrypoint": ["a"]}),
        (ImageSettings(entrypoint=("a",), cmd=("b",)), {"Entrypoint": ["a"], "Cmd": ["b"]}),
        (ImageSettings(cmd=("b",)), {"Entrypoint": ["tini"], "Cmd": ["b"]}),
        (ImageSettings(cmd=()), {"Entrypoint": ["tini"]}),
        (ImageSettings(entrypoint=(), cmd=("b",)), {"Cmd": ["b"]}),
    ],
)
def test_an_entry_point_takes_the_command_of_the_base_away(
    settings: ImageSettings, expected: dict[str, Any]
) -> None:
    assert configured({"Entrypoint": ["tini"], "Cmd": ["python3"]}, settings) == expected


def test_what_only_engines_say_of_the_base_is_left_out() -> None:
    base = {"Env": ["A=1"], "Hostname": "", "Image": "sha256:1", "AttachStdin": False}
    assert configured(base, ImageSettings()) == {"Env": ["A=1"]}


@pytest.mark.parametrize(
    ("text", "expected"),
    [("30s", 30 * 10**9), ("1m30s", 90 * 10**9), ("1.5h", 5400 * 10**9), ("10ms", 10**7)],
)
def test_durations(text: str, expected: int) -> None:
    assert nanoseconds(text) == expected


@pytest.mark.parametrize("text", ["", "30", "s", "1m 30s", "soon", "-1s", "1d", "1.2.3s"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="is no duration; write"):
        nanoseconds(text)
