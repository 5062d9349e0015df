"""Which base image is taken, and what is left for the launcher to read."""

from __future__ import annotations

from pathlib import Path

import pytest

from base.machines import Machine

OFFICIAL = "python:3.12-slim-bookworm"
STAND_IN = "qingkong-base:3.12-slim-bookworm-local"
PINNED = "registry.example/python@sha256:" + "0a" * 32
NO_NETWORK = "Error response from daemon: dial tcp: lookup registry.example: no such host"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine whose engine holds no image and reaches no registry."""
    machine = Machine(tmp_path).with_engine().with_python()
    machine.says("answer", NO_NETWORK)
    return machine


def have_stand_in(machine: Machine) -> None:
    key = machine.ensure_base("--key")
    assert key.returncode == 0, key.stderr
    machine.says("images", STAND_IN)
    machine.says("key", key.stdout.strip())


def test_the_official_image_in_the_engine_is_used_in_silence(machine: Machine) -> None:
    machine.says("images", OFFICIAL)
    (machine.repo / ".cache").mkdir(exist_ok=True)
    (machine.repo / ".cache/base-image").write_text(STAND_IN + "\n")
    result = machine.ensure_base()
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert machine.base_image is None
    assert machine.calls("docker pull") == []


def test_the_official_image_is_pulled(machine: Machine) -> None:
    machine.says("registry", OFFICIAL)
    assert machine.ensure_base().returncode == 0
    assert machine.calls("docker pull") == [f"docker pull {OFFICIAL}"]
    assert machine.base_image is None


def test_a_stand_in_is_never_used_silently(machine: Machine) -> None:
    have_stand_in(machine)
    line = f"base: {OFFICIAL}: not reachable; using the local stand-in {STAND_IN}\n"
    for _ in range(2):
        result = machine.ensure_base()
        assert (result.returncode, result.stderr) == (0, line)
        assert machine.base_image == STAND_IN + "\n"


# Makes the client of the engine late: it is stopped as soon as it is forked, before it has opened
# its output, and goes on half a second later. A job of a subshell leaves the script its own `$!`.
_LATE_CLIENT = """
trap 'if [[ $BASH_COMMAND == "pid="* ]]; then
  kill -STOP $!; (client=$!; (sleep 0.5; kill -CONT $client) 9>&- >/dev/null 2>&1 &)
fi' DEBUG
set -o functrace
"""


def test_a_client_that_is_slow_to_start_is_waited_for(machine: Machine, tmp_path: Path) -> None:
    have_stand_in(machine)
    late = tmp_path / "late.sh"
    late.write_text(_LATE_CLIENT)
    result = machine.ensure_base(env={"BASH_ENV": str(late)})
    line = f"base: {OFFICIAL}: not reachable; using the local stand-in {STAND_IN}\n"
    assert (result.returncode, result.stderr) == (0, line)
    assert len(machine.calls("docker pull")) == 1


def test_the_registry_is_not_asked_again_at_once(machine: Machine) -> None:
    have_stand_in(machine)
    machine.ensure_base()
    machine.ensure_base()
    assert len(machine.calls("docker pull")) == 1


def test_a_registry_that_does_not_answer_is_not_waited_for(machine: Machine) -> None:
    have_stand_in(machine)
    machine.says("silent", "")
    result = machine.ensure_base(env={"BASE_ANSWER_SECONDS": "1"})
    assert result.returncode == 0
    assert machine.base_image == STAND_IN + "\n"
    said = (machine.repo / ".cache/base-unreachable").read_text()
    assert said == "no answer in 1 seconds\n"


def test_a_refusal_of_the_registry_is_not_taken_for_no_network(machine: Machine) -> None:
    have_stand_in(machine)
    machine.says("answer", "toomanyrequests: You have reached your pull rate limit.")
    result = machine.ensure_base()
    assert result.returncode == 1
    assert "toomanyrequests" in result.stderr
    assert "BASE_IMAGE=" in result.stderr
    assert machine.base_image is None


def test_a_digest_can_be_given(machine: Machine) -> None:
    machine.says("registry", PINNED)
    result = machine.ensure_base(env={"BASE_IMAGE": PINNED})
    assert result.returncode == 0
    assert machine.base_image == PINNED + "\n"
    assert f"base: using BASE_IMAGE={PINNED}" in result.stderr


def test_a_given_image_that_is_there_is_not_pulled(machine: Machine) -> None:
    machine.says("images", PINNED)
    assert machine.ensure_base(env={"BASE_IMAGE": PINNED}).returncode == 0
    assert machine.calls("docker pull") == []


def test_a_given_image_is_never_replaced(machine: Machine) -> None:
    have_stand_in(machine)
    result = machine.ensure_base(env={"BASE_IMAGE": PINNED})
    assert result.returncode == 1
    assert f"BASE_IMAGE={PINNED} is not in the container engine" in result.stderr
    assert "no such host" in result.stderr
    assert machine.base_image is None


def test_a_given_image_is_forgotten_without_the_variable(machine: Machine) -> None:
    machine.says("images", f"{PINNED}\n{OFFICIAL}")
    machine.ensure_base(env={"BASE_IMAGE": PINNED})
    machine.ensure_base(env={"BASE_IMAGE": ""})
    assert machine.base_image is None


def test_the_stand_in_can_be_asked_for(machine: Machine) -> None:
    have_stand_in(machine)
    result = machine.ensure_base(env={"BASE_IMAGE": "stand-in"})
    assert result.returncode == 0
    assert machine.base_image == STAND_IN + "\n"
    assert machine.calls("docker pull") == []


def test_an_ordinary_user_is_told_that_a_stand_in_takes_root(machine: Machine) -> None:
    result = machine.ensure_base()
    assert result.returncode == 1
    assert "Making a stand-in for it takes root" in result.stderr
    assert "BASE_IMAGE=<reference>" in result.stderr
    assert machine.base_image is None


def test_another_way_of_making_it_makes_another_stand_in(machine: Machine) -> None:
    have_stand_in(machine)
    script = machine.repo / "deploy/base/make-stand-in.sh"
    script.write_text(script.read_text() + "# changed\n")
    assert machine.ensure_base().returncode == 1
