"""The fields of `oci_image`: what they take, and one error each for what they do not."""

from __future__ import annotations

from typing import Any

import pytest
from pants.engine.addresses import Address
from pants.engine.target import Field, InvalidFieldException, InvalidFieldTypeException
from pants.util.frozendict import FrozenDict

from qingkong_build.oci.image import setting_fields, target_types
from qingkong_build.oci.image.settings import Healthcheck
from qingkong_build.oci.layers import pex_fields
from qingkong_build.oci.layers.base_field import BaseField

ADDRESS = Address("deploy", target_name="oci")
SECOND = 10**9


@pytest.mark.parametrize(
    ("field", "raw", "expected"),
    [
        (setting_fields.EnvField, {"PATH": "/x:${PATH}"}, {"PATH": "/x:${PATH}"}),
        (setting_fields.LabelsField, {"org.opencontainers.image.title": ""}, None),
        (setting_fields.UserField, "10001:10001", None),
        (setting_fields.UserField, "www-data", None),
        (setting_fields.WorkdirField, "/app", None),
        (setting_fields.WorkdirField, "/..app/a..b", None),
        (setting_fields.ExposedPortsField, ["8000", "53/udp"], ("8000/tcp", "53/udp")),
        (setting_fields.VolumesField, ["/data"], ("/data",)),
        (setting_fields.StopSignalField, "SIGTERM", None),
        (setting_fields.StopSignalField, "15", None),
        (setting_fields.CmdField, [], ()),
        (setting_fields.HealthcheckField, {"test": ["NONE"]}, Healthcheck(("NONE",))),
        (
            setting_fields.HealthcheckField,
            {"test": ["a", "b"], "interval": "30s", "start_period": "1m", "retries": 3},
            Healthcheck(
                ("CMD", "a", "b"), interval=30 * SECOND, start_period=60 * SECOND, retries=3
            ),
        ),
        (BaseField, "registry.example:5000/a@sha256:00", None),
        (target_types.RepoTagsField, ["a_b/c:1.0", "Host:1/a:x"], ("a_b/c:1.0", "Host:1/a:x")),
        (target_types.PlatformsField, ["linux/arm64"], ("linux/arm64",)),
        (pex_fields.PexLayersField, {"requirements-web": ["a"]}, {"requirements-web": ("a",)}),
    ],
)
def test_what_is_valid(field: type[Field], raw: Any, expected: Any) -> None:
    value: Any = field(raw, ADDRESS).value
    if isinstance(value, FrozenDict):
        value = dict(value)
    assert value == (raw if expected is None else expected)


@pytest.mark.parametrize(
    ("field", "raw", "value"),
    [
        (setting_fields.EnvField, {"A B": ""}, "'A B'"),
        (setting_fields.EnvField, {"A=": ""}, "'A='"),
        (setting_fields.EnvField, {"": ""}, "''"),
        (setting_fields.LabelsField, {"a b": ""}, "'a b'"),
        (setting_fields.AnnotationsField, {"a=b": ""}, "'a=b'"),
        (setting_fields.UserField, "", "''"),
        (setting_fields.UserField, "$APP_UID", "'$APP_UID'"),
        (setting_fields.UserField, "1:2:3", "'1:2:3'"),
        (setting_fields.WorkdirField, "app", "'app'"),
        (setting_fields.WorkdirField, "/app/../etc", "'/app/../etc'"),
        (setting_fields.WorkdirField, "/..", "'/..'"),
        (setting_fields.WorkdirField, "/a\nb", "'/a\\nb'"),
        (setting_fields.ExposedPortsField, ["http"], "'http'"),
        (setting_fields.ExposedPortsField, ["0"], "'0'"),
        (setting_fields.ExposedPortsField, ["65536"], "'65536'"),
        (setting_fields.ExposedPortsField, ["80/icmp"], "'80/icmp'"),
        (setting_fields.VolumesField, ["/data", "data"], "'data'"),
        (setting_fields.StopSignalField, "TERM", "'TERM'"),
        (setting_fields.HealthcheckField, ["true"], "['true']"),
        (setting_fields.HealthcheckField, {"test": "true"}, "'true'"),
        (setting_fields.HealthcheckField, {"test": []}, "[]"),
        (setting_fields.HealthcheckField, {"interval": "30s"}, "None"),
        (setting_fields.HealthcheckField, {"test": ["a"], "often": "1s"}, "'often'"),
        (setting_fields.HealthcheckField, {"test": ["a"], "interval": "soon"}, "'soon'"),
        (setting_fields.HealthcheckField, {"test": ["a"], "timeout": 5}, "5"),
        (setting_fields.HealthcheckField, {"test": ["a"], "retries": -1}, "-1"),
        (BaseField, "", "''"),
        (BaseField, "python :3", "'python :3'"),
        (target_types.LayersField, [":a", ":b", ":a"], "':a'"),
        (target_types.RepoTagsField, ["app"], "'app'"),
        (target_types.RepoTagsField, ["App:1"], "'App:1'"),
        (target_types.RepoTagsField, ["aPP:1"], "'aPP:1'"),
        (target_types.RepoTagsField, ["app_:1"], "'app_:1'"),
        (target_types.RepoTagsField, ["team//app:1"], "'team//app:1'"),
        (target_types.PlatformsField, ["linux/amd64", "linux/amd64"], "'linux/amd64'"),
        (pex_fields.PexLayersField, {"web/": ["a"]}, "'web/'"),
        (pex_fields.PexLayersField, {"sources": ["a"]}, "'sources'"),
        (pex_fields.PexLayersField, {"wheel-a": ["a"]}, "'wheel-a'"),
        (pex_fields.PexLayersField, {"web": []}, "'web'"),
    ],
)
def test_a_wrong_value_is_one_error(field: type[Field], raw: Any, value: str) -> None:
    with pytest.raises(InvalidFieldException) as error:
        field(raw, ADDRESS)
    message = str(error.value)
    for part in (repr(field.alias), "target deploy:oci", f" is {value}: ", " Fix: "):
        assert part in message


@pytest.mark.parametrize(
    ("field", "raw"),
    [
        (setting_fields.CmdField, "python x"),
        (setting_fields.EnvField, ["A=1"]),
        (setting_fields.UserField, 10001),
        (target_types.LayersField, ":a"),
        (pex_fields.PexLayersField, ["a"]),
        (pex_fields.PexLayersField, {"web": "a"}),
    ],
)
def test_another_type_is_refused(field: type[Field], raw: Any) -> None:
    with pytest.raises(InvalidFieldTypeException, match=f"'{field.alias}'.*deploy:oci"):
        field(raw, ADDRESS)
