"""The setup script: what it says where it may not install, and that it is silent otherwise."""

from __future__ import annotations

import hashlib
import json
import socket
import subprocess
import tempfile
import tomllib
from pathlib import Path

import pytest

from base.machines import FEDORA, Machine

INSTALLERS = ("apt-get", "apt-cache", "dnf", "pip", "systemctl", "dockerd")


@pytest.fixture
def bare(tmp_path: Path) -> Machine:
    """Debian as an ordinary user, with nothing that the build needs."""
    machine = Machine(tmp_path)
    machine.program("apt-get")
    return machine


def test_an_ordinary_user_is_told_what_to_install(bare: Machine) -> None:
    result = bare.setup("image", "echo", "went on")
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        "setup: missing: engine compiler python3.9 python3.12",
        "setup: nothing was installed, because this user is not root.",
        "setup: run, as an administrator:",
        (
            "  apt-get update && apt-get install -y --no-install-recommends"
            " docker.io ca-certificates gcc libc6-dev"
        ),
        "setup: run, as yourself:",
        "  uv python install 3.9    # or: pyenv install 3.9",
        "  uv python install 3.12    # or: pyenv install 3.12",
    ]
    assert bare.calls("apt-get") == []


def test_a_client_without_an_engine_is_not_one(bare: Machine) -> None:
    bare.with_engine()
    (bare.state / "down").touch()
    result = bare.setup("engine")
    assert result.returncode == 1
    assert result.stderr.splitlines() == [
        "setup: missing: engine",
        "setup: nothing was installed, because this user is not root.",
        "setup: run, as an administrator:",
        (
            "  apt-get update && apt-get install -y --no-install-recommends"
            " docker.io ca-certificates"
        ),
    ]


def test_tests_need_servers_and_a_browser_too(bare: Machine) -> None:
    result = bare.setup("test")
    assert result.returncode == 1
    assert " mariadb-server-core mariadb-client-core " in result.stderr
    assert " docker-registry skopeo zstd openssl " in result.stderr
    assert " nginx-light redis-server chromium wrk hey gcc-" in result.stderr
    assert " podman crun uidmap iproute2 openssh-server openssh-client" in result.stderr
    # A release that has it without windows.
    bare.program("apt-cache", '[ "$2" = chromium-headless-shell ] && echo "  Candidate: 1"')
    assert " chromium-headless-shell wrk hey gcc-" in bare.setup("test").stderr


def test_ubuntu_has_no_browser_to_install(tmp_path: Path) -> None:
    machine = Machine(tmp_path, os_release="ID=ubuntu\n")
    machine.program("apt-get")
    result = machine.setup("test")
    assert " wrk hey gcc-" in result.stderr
    assert "chromium" not in result.stderr


@pytest.mark.parametrize(
    ("thing", "package"), [("mariadb-headers", "libmariadb-dev"), ("postgresql", "postgresql")]
)
def test_what_is_looked_for_outside_of_path_has_packages(thing: str, package: str) -> None:
    # By the thing's own name: whether it is missing here depends on the machine.
    asked = subprocess.run(
        [
            "bash",
            "-c",
            f"source build-support/setup/packages.sh; packages_for apt-get {thing}",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert asked.stdout == f"{package}\n"


def test_a_python_that_the_distribution_has_comes_from_it(bare: Machine) -> None:
    bare.program("apt-cache", '[ "$2" = python3.12 ] && echo "  Candidate: 3.12.3"')
    result = bare.setup("code")
    assert " gcc libc6-dev python3.12 python3.12-venv python3.12-dev\n" in result.stderr
    assert "uv python install 3.9 " in result.stderr
    assert "uv python install 3.12" not in result.stderr


@pytest.mark.parametrize("uid", [0, 1000])
def test_another_system_is_told_in_its_own_words(tmp_path: Path, uid: int) -> None:
    machine = Machine(tmp_path, os_release=FEDORA, uid=uid)
    for name in ("uv", *INSTALLERS[2:]):
        machine.program(name)
    result = machine.setup("image")
    assert result.returncode == 1
    assert result.stderr.splitlines()[1:] == [
        "setup: nothing was installed, because this system is neither Debian nor Ubuntu.",
        "setup: run, as an administrator:",
        (
            "  dnf install -y moby-engine docker-cli gcc glibc-devel"
            " python3.9 python3.9-devel python3.12 python3.12-devel"
        ),
    ]
    # Asking uv what it has is not installing.
    assert {tuple(call.split()[:3]) for call in machine.calls("uv")} <= {("uv", "python", "find")}
    assert [call for name in INSTALLERS for call in machine.calls(name)] == []


def test_a_system_without_a_package_manager_is_named_the_things(tmp_path: Path) -> None:
    result = Machine(tmp_path, os_release="ID=plain\n").setup("engine")
    assert result.returncode == 1
    assert "  # engine: by the means of this system" in result.stderr


def test_nothing_missing_is_silent(bare: Machine) -> None:
    bare.with_engine()
    result = bare.setup("engine")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert bare.calls("apt-get") == []


def test_the_command_runs_after_the_check(bare: Machine) -> None:
    bare.with_engine()
    result = bare.setup("engine", "bash", "-c", "echo $0 $1; exit 7", "first word", "second")
    assert (result.returncode, result.stdout) == (7, "first word second\n")


def test_an_unknown_task_is_refused(bare: Machine) -> None:
    result = bare.setup("everything")
    assert result.returncode == 1
    assert "no such task: everything. There are: code, hostile, engine, image" in result.stderr


def test_an_engine_that_is_down_is_named_to_an_ordinary_user(bare: Machine) -> None:
    bare.program("dockerd")
    bare.with_engine().says("down", "")
    result = bare.setup("engine")
    assert result.returncode == 1
    assert "container engine" in result.stderr
    assert "systemctl start docker" in result.stderr


def test_an_engine_elsewhere_that_is_down_is_named(bare: Machine) -> None:
    bare.with_engine().says("down", "")
    result = bare.setup("engine", env={"DOCKER_HOST": "tcp://engine.example:2375"})
    assert result.returncode == 1
    assert "no container engine answers at DOCKER_HOST=tcp://engine.example:2375" in result.stderr


def test_a_context_that_is_down_is_named_and_no_other_started(bare: Machine) -> None:
    bare.program("id", "echo 0")
    bare.program("dockerd")
    bare.with_python().with_engine().says("down", "")
    store = bare.home / ".docker/contexts/meta" / hashlib.sha256(b"far").hexdigest()
    store.mkdir(parents=True)
    endpoint = {"docker": {"Host": "tcp://engine.example:2375"}}
    document = json.dumps({"Name": "far", "Endpoints": endpoint})
    (store / "meta.json").write_text(document, encoding="utf-8")
    result = bare.setup("engine", env={"DOCKER_CONTEXT": "far"})
    assert result.returncode == 1
    assert "answers at tcp://engine.example:2375 (context far) within 10 s" in result.stderr
    assert "Fix: " in result.stderr
    wrong = bare.setup("engine", env={"DOCKER_CONTEXT": "gone"})
    assert wrong.returncode == 1
    assert "context=gone" in wrong.stderr
    assert bare.calls("dockerd") == []


def test_podman_of_the_user_is_used_by_all_that_follows(bare: Machine) -> None:
    # A path for a socket must be short.
    with (
        tempfile.TemporaryDirectory(dir="/tmp") as runtime,
        socket.socket(socket.AF_UNIX) as server,
    ):
        path = Path(runtime, "podman/podman.sock")
        path.parent.mkdir()
        server.bind(str(path))
        server.listen()
        bare.with_python().with_engine().says("address", f"unix://{path}")
        env = {"XDG_RUNTIME_DIR": runtime}
        result = bare.setup("engine", "sh", "-c", "echo $DOCKER_HOST", env=env)
        assert (result.returncode, result.stdout) == (0, f"unix://{path}\n"), result.stderr
        # What a user names is never exchanged for what happens to be there.
        named = bare.setup("engine", env={**env, "DOCKER_HOST": "tcp://engine.example:1"})
        assert named.returncode == 1
        assert "answers at DOCKER_HOST=tcp://engine.example:1" in named.stderr


@pytest.fixture
def mirrored(bare: Machine) -> Machine:
    (bare.repo / "pants.cn.toml").write_text(
        '[DEFAULT]\npython_index = "https://mirror.example/simple"\n'
        'apt_mirror = "https://mirror.example/debian"\n'
        'apt_security_mirror = "https://mirror.example/security"\n',
        encoding="utf-8",
    )
    return bare.with_engine()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, "pants.cn.toml"),
        ("pants.ci.toml", "+['pants.ci.toml','pants.cn.toml']"),
        ("+['pants.ci.toml']", "+['pants.ci.toml'],+['pants.cn.toml']"),
        ("pants.cn.toml", "pants.cn.toml"),
    ],
)
def test_a_mirror_is_read_from_its_file(mirrored: Machine, before: str | None, after: str) -> None:
    variables = {"MIRROR": "cn"} | ({} if before is None else {"PANTS_CONFIG_FILES": before})
    result = mirrored.setup("engine", "env", env=variables)
    assert result.returncode == 0
    assert {
        "PIP_INDEX_URL=https://mirror.example/simple",
        "APT_MIRROR=https://mirror.example/debian",
        "APT_SECURITY_MIRROR=https://mirror.example/security",
        f"PANTS_CONFIG_FILES={after}",
    } <= set(result.stdout.splitlines())


def test_without_a_mirror_nothing_is_changed(mirrored: Machine) -> None:
    result = mirrored.setup("engine", "env", env={"MIRROR": ""})
    assert "mirror.example" not in result.stdout
    assert "PANTS_CONFIG_FILES" not in result.stdout


def test_a_mirror_without_a_file_is_refused(mirrored: Machine) -> None:
    result = mirrored.setup("engine", "env", env={"MIRROR": "xx"})
    assert result.returncode == 1
    assert "MIRROR=xx needs a file pants.xx.toml" in result.stderr


def test_a_file_without_mirrors_is_refused(mirrored: Machine) -> None:
    (mirrored.repo / "pants.ci.toml").write_text("[GLOBAL]\ncolors = true\n", encoding="utf-8")
    result = mirrored.setup("engine", "env", env={"MIRROR": "ci"})
    assert result.returncode == 1
    assert "pants.ci.toml names no python_index" in result.stderr


def test_the_chinese_mirrors_are_where_the_script_reads_them(bare: Machine) -> None:
    text = Path("pants.cn.toml").read_text(encoding="utf-8")
    (bare.repo / "pants.cn.toml").write_text(text, encoding="utf-8")
    named = tomllib.loads(text)
    result = bare.with_engine().setup("engine", "env", env={"MIRROR": "cn"})
    assert {
        f"PIP_INDEX_URL={named['DEFAULT']['python_index']}",
        f"APT_MIRROR={named['DEFAULT']['apt_mirror']}",
        f"APT_SECURITY_MIRROR={named['DEFAULT']['apt_security_mirror']}",
    } <= set(result.stdout.splitlines())
    assert named["python-repos"]["indexes"] == ["%(python_index)s"]
    (mapping,) = named["python-repos"]["path_mappings"]
    assert mapping.startswith("PYPI_FILES|//")
