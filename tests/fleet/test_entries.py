"""The entries of services in deploy/ are what their targets make, and a wrong field is refused."""

from __future__ import annotations

import ast
import json
import os
import resource
import shutil
from pathlib import Path
from typing import Any

import pytest
from entries.fleet_entries import entry_files, main
from entries.service_entry import ServiceEntry
from fleet.descriptions import (
    built,
    compose_project,
    compose_refusal,
    environment_of,
    named,
    pod_specs,
)
from kubernetes_validate.utils import latest_version, validate

from image.build_files import read_build_file

PRELUDE = "build-support/prelude/service.py"
FIELDS: dict[str, Any] = {
    "folder": "services/orders",
    "name": "orders",
    "version": "1.2.3",
    "cmd": ["python", "manage.py", "runserver-aio", "--workers", "2"],
    "prefixes": ["orders", "v1/returns"],
    "port": 9000,
    "settings": ["QK_PAYMENT_URL"],
    "replicas": (3, 5),
    "cpu": "100m",
    "memory": "300Mi",
}


def entry(**changes: Any) -> ServiceEntry:
    return ServiceEntry.of({**FIELDS, **changes})


def declared() -> list[str]:
    """The argument of each service's target `fleet`, as the prelude makes it."""
    found = []
    for file in sorted(Path("services").glob("*/BUILD")):
        targets = read_build_file(str(file), prelude=PRELUDE)
        (argument,) = targets["fleet"].fields["args"]
        # As Pex does.
        found.append(argument.format())
    return found


def test_the_entries_are_current(capsys: pytest.CaptureFixture[str]) -> None:
    services = declared()
    assert services, "there is no service"
    for fields in services:
        assert main([fields, "--check"], Path.cwd()) == 0, capsys.readouterr().err


def test_the_image_listens_where_the_entries_say(tmp_path: Path) -> None:
    build = tmp_path / "BUILD"
    for fields, expected in ((", port=9000", ({"QK_PORT": "9000"}, ["9000"])), ("", (None, None))):
        build.write_text(f'fastapp_service(name="x", apps=["src/apps/x"]{fields})\n')
        image = read_build_file(str(build), prelude=PRELUDE)["oci"].fields
        assert (image.get("env"), image.get("exposed_ports")) == expected


def test_the_image_requires_the_settings(tmp_path: Path) -> None:
    build = tmp_path / "BUILD"
    build.write_text(
        'fastapp_service(name="x", apps=["a"], settings=["QK_A", "QK_B"], env={"QK_C": "c"})\n'
    )
    env = read_build_file(str(build), prelude=PRELUDE)["oci"].fields["env"]
    assert json.loads(env.pop("QK_REQUIRED_SETTINGS")) == dict.fromkeys(
        ("QK_A", "QK_B"), str(tmp_path)
    )
    assert env == {"QK_C": "c"}


def test_no_entry_is_left_of_a_service_that_is_gone() -> None:
    names = {ast.literal_eval(fields)["name"] for fields in declared()}
    assert {Path(file).stem for file in os.listdir("deploy/compose/services")} == names
    assert set(os.listdir("deploy/kubernetes/services")) == names


def test_what_differs_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([repr(FIELDS)], tmp_path) == 0
    assert main([repr(FIELDS), "--check"], tmp_path) == 0
    changed = {**FIELDS, "memory": "400Mi"}
    (tmp_path / "deploy/kubernetes/services/orders/kustomization.yaml").unlink()
    capsys.readouterr()
    assert main([repr(changed), "--check"], tmp_path) == 1
    assert capsys.readouterr().err.splitlines() == [
        f"deploy/{path}: {problem}: fastapp_service 'orders' in services/orders makes another. "
        "Fix: ./pants run services/orders:fleet"
        for path, problem in (
            ("compose/services/orders.yaml", "differs"),
            ("kubernetes/services/orders/kustomization.yaml", "is missing"),
            ("kubernetes/services/orders/service.yaml", "differs"),
        )
    ]
    assert main([repr(changed)], tmp_path) == 0
    assert main([repr(changed), "--check"], tmp_path) == 0


def test_other_bytes_are_a_difference(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Line endings of another system, and what is not UTF-8; the service's own are replaced."""
    assert main([repr(FIELDS)], tmp_path) == 0
    file = tmp_path / "deploy/compose/services/orders.yaml"
    whole = file.read_bytes()
    for content in (whole.replace(b"\n", b"\r\n"), whole + b"# caf\xe9\n"):
        file.write_bytes(content)
        capsys.readouterr()
        assert main([repr(FIELDS), "--check"], tmp_path) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("deploy/compose/services/orders.yaml: differs: ")
        assert main([repr(FIELDS)], tmp_path) == 0
        assert file.read_bytes() == whole


@pytest.mark.parametrize("options", [[], ["--check"]])
def test_a_folder_in_place_of_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    (tmp_path / "deploy/compose/services/orders.yaml").mkdir(parents=True)
    assert main([repr(FIELDS), *options], tmp_path) == 1
    said = capsys.readouterr().err
    for part in (
        "services/orders: cannot read deploy/compose/services/orders.yaml: Is a directory",
        "Fix: ",
    ):
        assert part in said


@pytest.fixture
def written(tmp_path: Path) -> dict[Path, bytes]:
    """The files of the service, with what is in them."""
    assert main([repr(FIELDS)], tmp_path) == 0
    return {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}


def test_files_are_replaced_and_not_changed(tmp_path: Path, written: dict[Path, bytes]) -> None:
    """Who reads one meanwhile, or after a kill, has all of the one or all of the other."""
    before = {file: file.stat().st_ino for file in written}
    assert main([repr({**FIELDS, "memory": "400Mi", "prefixes": ["x"]})], tmp_path) == 0
    for file, content in written.items():
        assert file.read_bytes() != content
        assert file.stat().st_ino != before[file]


def test_a_full_disk_changes_nothing(
    tmp_path: Path, written: dict[Path, bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    # Enough for the first files, and not for the last.
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limits[1]))
    try:
        code = main([repr({**FIELDS, "memory": "400Mi"})], tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert code == 1
    said = capsys.readouterr().err
    for part in (
        "services/orders: cannot write deploy/kubernetes/services/orders/service.yaml: File too ",
        "Fix: ",
    ):
        assert part in said
    files = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    assert files == written


def test_a_service_does_not_overwrite_another(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([repr(FIELDS)], tmp_path) == 0
    assert main([repr({**FIELDS, "folder": "services/other"})], tmp_path) == 1
    said = capsys.readouterr().err
    for part in ("services/other: name='orders'", "deploy/compose/services/orders.yaml", "Fix: "):
        assert part in said


def test_a_folder_that_cannot_be_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "deploy").write_text("a file", encoding="utf-8")
    assert main([repr(FIELDS)], tmp_path) == 1
    said = capsys.readouterr().err
    for part in (
        "services/orders: cannot write deploy/compose/services/orders.yaml",
        "Fix: remove the file",
    ):
        assert part in said


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "team/orders"),
        ("name", "a: b"),
        ("name", 1),
        ("version", 1.0),
        ("version", "1.0 beta"),
        ("version", None),
        ("cmd", ["python", 1]),
        ("cmd", ["python\0"]),
        ("cmd", ["\udcff"]),
        ("prefixes", ["orders", "orders"]),
        ("prefixes", ["/orders"]),
        ("prefixes", ["it's"]),
        ("settings", ["PAYMENT_URL"]),
        ("settings", ["QK_X}: y"]),
        ("settings", [1]),
        ("settings", ["QK_X", "QK_X"]),
        ("port", "8000"),
        ("port", True),
        ("port", 65536),
        ("port", 0),
        ("port", None),
        ("replicas", 5),
        ("replicas", None),
        ("replicas", "25"),
        ("replicas", (True, 2)),
        ("replicas", (3, 2)),
        ("replicas", (0, 2)),
        ("replicas", (2,)),
        ("replicas", ("2", "3")),
        ("cpu", "0.25"),
        ("cpu", 0.25),
        ("cpu", "0m"),
        ("memory", "512M"),
        ("memory", 512),
    ],
)
def test_a_wrong_field(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], field: str, value: Any
) -> None:
    assert main([repr({**FIELDS, field: value})], tmp_path) == 1
    said = capsys.readouterr().err
    for part in (
        f"fastapp_service in services/orders: {field}={value!r}: expected ",
        f"Fix: change {field} in services/orders/BUILD.",
    ):
        assert part in said
    assert said.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("field", "value", "fix"),
    [
        ("settings", "QK_X", "write settings=['QK_X']"),
        ("settings", ["QK_X", 1], "write settings=['QK_X', '1']"),
        ("settings", None, "leave settings out"),
        ("dependencies", 5, "write dependencies=['5']"),
    ],
)
def test_no_list_of_strings(tmp_path: Path, field: str, value: Any, fix: str) -> None:
    """Refused when the BUILD file is read."""
    build = tmp_path / "BUILD"
    build.write_text(f'fastapp_service(name="x", apps=["src/apps/x"], {field}={value!r})\n')
    with pytest.raises(TypeError) as error:
        read_build_file(str(build), prelude=PRELUDE)
    for part in (f"service in {tmp_path}: {field}={value!r}: ", f"Fix: {fix}."):
        assert part in str(error.value)


def test_a_field_of_another_kind(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What a BUILD file has no letters for, such as a number that is none."""
    assert main([repr({**FIELDS, "cpu": float("nan")})], tmp_path) == 1
    said = capsys.readouterr().err
    for part in ("fastapp_service: fields=", "'cpu': nan", "Fix: "):
        assert part in said
    assert said.count("\n") == 1


@pytest.fixture
def with_orders(deploy: Path) -> Path:
    """The descriptions with a second service, and an overlay of it."""
    root = deploy.parent
    for path, text in entry_files(entry()).items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    overlays = deploy / "kubernetes/overlays"
    text = (overlays / "staging/kustomization.yaml").read_text(encoding="utf-8")
    (overlays / "orders").mkdir(exist_ok=True)
    (overlays / "orders/kustomization.yaml").write_text(text.replace("shop", "orders"))
    shutil.copytree(overlays / "staging/secrets", overlays / "orders/secrets", dirs_exist_ok=True)
    return deploy


def test_compose_takes_the_fields(with_orders: Path) -> None:
    url = "https://pay.example/?a=$b"
    project = compose_project(
        with_orders, SERVICE="orders", QK_PAYMENT_URL=url, ALLOWED_HOSTS="orders.example"
    )
    services = project["services"]
    for name in ("service-1", "service-2", "migrate"):
        service = services[name]
        assert service["image"] == "orders:1.2.3"
        assert service["environment"]["QK_PAYMENT_URL"].replace("$$", "$") == url
        assert service["environment"]["QK_ALLOWED_HOSTS"] == "orders.example"
        assert service["environment"]["QK_DATABASES__default__NAME"] == "orders"
        assert int(service["deploy"]["resources"]["limits"]["memory"]) == 300 << 20
    assert services["service-1"]["command"] == FIELDS["cmd"]
    assert services["migrate"]["command"] == ["python", "manage.py", "migrate"]
    upstreams = '["http://service-1:9000", "http://service-2:9000"]'
    assert services["gateway"]["environment"]["QK_UPSTREAMS"] == (
        f'{{"orders": {upstreams}, "v1/returns": {upstreams}}}'
    )


def test_compose_refuses_to_start_without_a_required_setting(with_orders: Path) -> None:
    said = compose_refusal(with_orders, SERVICE="orders")
    for part in (
        "QK_PAYMENT_URL",
        "services/orders/BUILD requires it",
        "Fix - set QK_PAYMENT_URL in deploy/compose/.env",
    ):
        assert part in said


def test_kubernetes_takes_the_fields(with_orders: Path) -> None:
    resources = built(with_orders, "orders")
    pods = pod_specs(resources)
    for found in resources:
        validate(found, str(latest_version()), strict=True)
    for name in ("service", "migrate"):
        (container,) = pods[name]["containers"]
        assert container["image"] == "registry.example.com/orders:1.2.3"
        # Not optional: a pod of it does not start without.
        (required,) = container.pop("env")
        reference = required["valueFrom"]["configMapKeyRef"]
        assert (required["name"], reference["key"]) == ("QK_PAYMENT_URL", "QK_PAYMENT_URL")
        assert "optional" not in reference
        assert reference["name"] in named(resources, "ConfigMap")
        settings = environment_of(resources, pods[name])
        assert settings["QK_DATABASES__default__USER"] == "orders"
    (container,) = pods["service"]["containers"]
    assert container["command"] == FIELDS["cmd"]
    assert container["resources"] == {
        "requests": {"cpu": "100m", "memory": "150Mi"},
        "limits": {"memory": "300Mi"},
    }
    assert container["readinessProbe"]["httpGet"] == {"path": "/healthz/ready", "port": "http"}
    assert container["ports"] == [{"name": "http", "containerPort": 9000}]
    (port,) = named(resources, "Service")["service"]["spec"]["ports"]
    assert port["port"] == 9000
