"""What Pants is told on a machine that is set up."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from launcher.machines import Machine, Ready, closed_port, wheel


def test_a_second_start_prints_nothing_and_asks_no_index(first_starts: Ready) -> None:
    asked = len(first_starts.index.asked)
    outcome = first_starts.machine.start("list", "a b", "--option=*")
    assert outcome.stderr == ""
    assert [line for line in outcome.stdout.splitlines() if line.startswith("argument=")] == [
        "argument=list",
        "argument=a b",
        "argument=--option=*",
    ]
    assert len(first_starts.index.asked) == asked


def test_two_starts_get_the_same_environment(first_starts: Ready) -> None:
    # The daemon restarts when it changes.
    def pants(settings: dict[str, str]) -> dict[str, str]:
        return {name: value for name, value in settings.items() if "PANTS" in name}

    second = first_starts.machine.start("test", "::")
    assert pants(first_starts.first[0].settings) == pants(second.settings)


def test_the_index_and_where_it_keeps_its_files(first_starts: Ready) -> None:
    settings = first_starts.machine.start("list").settings
    url = first_starts.index.url
    host = url.removeprefix("http://").removesuffix("/simple")
    assert settings["PANTS_PYTHON_REPOS_INDEXES"] == f'["{url}"]'
    assert (
        settings["PANTS_PYTHON_REPOS_PATH_MAPPINGS"]
        == f'["PYPI_FILES|//{host}{first_starts.index.prefix}"]'
    )


def test_without_an_index_setting_pip_knows_the_default(ready: Machine) -> None:
    outcome = ready.start("list", PIP_INDEX_URL=None)
    assert "PANTS_PYTHON_REPOS_INDEXES" not in outcome.settings
    mapping = outcome.settings["PANTS_PYTHON_REPOS_PATH_MAPPINGS"]
    assert re.fullmatch(r'\["PYPI_FILES\|//[\w.-]+/packages"\]', mapping)


def test_a_changed_pip_configuration_is_noticed(ready: Machine, tmp_path: Path) -> None:
    config = tmp_path / "pip.conf"
    url = ready.environment["PIP_INDEX_URL"]
    changes: dict[str, str | None] = {"PIP_CONFIG_FILE": str(config), "PIP_INDEX_URL": None}
    config.write_text(f"[global]\nindex-url = {url}\n")
    assert ready.start("list", **changes).settings["PANTS_PYTHON_REPOS_INDEXES"] == f'["{url}"]'
    config.write_text(f"[global]\nindex-url = {url}/\n")
    os.utime(config, (0, 0))
    assert ready.start("list", **changes).settings["PANTS_PYTHON_REPOS_INDEXES"] == f'["{url}/"]'


@pytest.fixture
def base_image(ready: Machine) -> Path:
    """The file with the name of the base image that was made on this machine."""
    file = ready.root / ".cache" / "base-image"
    file.parent.mkdir(exist_ok=True)
    return file


def test_a_variable_that_the_user_has_set_wins(ready: Machine, base_image: Path) -> None:
    base_image.write_text("other:1\n")
    values = {
        "PANTS_PYTHON_REPOS_INDEXES": "[]",
        "PANTS_PYTHON_REPOS_PATH_MAPPINGS": '["X|//y"]',
        "PANTS_PYTHON_BOOTSTRAP_SEARCH_PATH": '["<PATH>"]',
        "PANTS_CA_CERTS_PATH": "",
        "PANTS_IMAGE_ASSEMBLY_BASE": "mine:1",
        "PANTS_BIN_NAME": "qingkong",
    }
    for _ in range(2):  # What is kept of the first start must not bring ours back.
        settings = ready.start("list", **values).settings
        assert {name: settings[name] for name in values} == values


def test_a_mapping_of_the_user_needs_no_question_to_the_index(ready: Machine) -> None:
    url = f"http://127.0.0.1:{closed_port()}/simple"
    ready.start("list", PIP_INDEX_URL=url, PIP_RETRIES="0").failed(url)
    mapping = '["PYPI_FILES|//mirror/packages"]'
    changes = {"PIP_INDEX_URL": url, "PANTS_PYTHON_REPOS_PATH_MAPPINGS": mapping}
    assert ready.start("list", **changes).code == 0


def test_configuration_files_of_pants_win(ready: Machine) -> None:
    (ready.root / "pants.mirror.toml").write_text(
        '[python-repos]\nindexes = ["x"]\npath_mappings = ["PYPI_FILES|//y"]\n'
    )
    for changes in (
        {"PANTS_CONFIG_FILES": "pants.mirror.toml"},
        {"PANTS_CONFIG_FILES": '+["pants.mirror.toml"]'},
    ):
        settings = ready.start("list", **changes).settings
        assert not [name for name in settings if name.startswith("PANTS_PYTHON_REPOS_")]
    settings = ready.start("--pants-config-files=pants.mirror.toml").settings
    assert not [name for name in settings if name.startswith("PANTS_PYTHON_REPOS_")]
    assert "PANTS_PYTHON_REPOS_INDEXES" in ready.start("list").settings


def network_of(machine: Machine, settings: dict[str, str]) -> dict[str, dict[str, str]]:
    """What the pex tool reads at run time: no option and no key of Pants has it."""
    pointer = Path(settings["PANTS_NAMED_CACHES_DIR"], "pex_root", "network.path")
    file = Path(pointer.read_text().strip())
    assert file.stat().st_mode & 0o077 == 0
    found: dict[str, dict[str, str]] = json.loads(file.read_text())
    return found


def test_certificates_and_proxies_reach_what_pants_starts(ready: Machine, tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_text("")
    plain = ready.start("list").settings
    assert network_of(ready, plain)["environment"] == {}
    settings = ready.start("list", SSL_CERT_FILE=str(bundle), no_proxy="127.0.0.1").settings
    expected = {name: str(bundle) for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")}
    assert network_of(ready, settings)["environment"] == {**expected, "no_proxy": "127.0.0.1"}
    # Downloads of plugins see the same; no option of Pants differs, and so no daemon restarts.
    assert settings["REQUESTS_CA_BUNDLE"] == str(bundle)
    assert {n: v for n, v in settings.items() if n.startswith("PANTS_")} == {
        n: v for n, v in plain.items() if n.startswith("PANTS_")
    }


def test_the_base_image_of_this_machine_is_an_option(ready: Machine, base_image: Path) -> None:
    assert "PANTS_IMAGE_ASSEMBLY_BASE" not in ready.start("list").settings
    base_image.write_text("registry.example:5000/python@sha256:00ff\n")
    assert (
        ready.start("list").settings["PANTS_IMAGE_ASSEMBLY_BASE"]
        == "registry.example:5000/python@sha256:00ff"
    )
    base_image.write_text('x"]\n')
    ready.start("list").failed(str(base_image), 'x"]')


def shfmt(first_starts: Ready, text: bytes) -> tuple[str, str]:
    """The lock of a stand-in for shfmt, and its section of pants.toml."""
    data = wheel("shfmt-py", "4", {"shfmt_py-4.data/scripts/shfmt": text})
    digest = hashlib.sha256(text).hexdigest()
    platforms = ("linux_x86_64", "linux_arm64", "macos_x86_64", "macos_arm64")
    pins = "".join(f'  "v3|{platform}|{digest}|{len(text)}",\n' for platform in platforms)
    toml = f'[shfmt]\nversion = "v3"\nknown_versions = [\n{pins}]\n'
    return first_starts.index.add("shfmt-py", "4", data), toml


def test_a_linter_is_fetched_by_the_first_start_that_runs_it(
    ready: Machine, first_starts: Ready
) -> None:
    lock, toml = shfmt(first_starts, b"#!/bin/sh\n")
    ready.lock("tools", lock)
    ready.pants_toml.write_text(toml + '[cli.alias]\ntidy = "fmt lint"\n')
    url = ready.start("test", "::").settings["PANTS_SHFMT_URL_TEMPLATE"]
    tool = Path(url.removeprefix("file://"))
    assert tool.name == "shfmt"
    assert not tool.exists()
    assert ready.start("tidy", "::").settings["PANTS_SHFMT_URL_TEMPLATE"] == url
    assert tool.read_bytes() == b"#!/bin/sh\n"
    asked = len(first_starts.index.asked)
    assert ready.start("lint", "::").stderr == ""
    assert len(first_starts.index.asked) == asked


def test_only_a_start_that_lints_needs_the_network_for_linters(
    ready: Machine, first_starts: Ready
) -> None:
    lock, toml = shfmt(first_starts, b"#!/bin/sh\n# never served\n")
    ready.lock("tools", lock)
    ready.pants_toml.write_text(toml)
    changes = {
        "PIP_INDEX_URL": f"http://127.0.0.1:{closed_port()}/simple",
        "PIP_RETRIES": "0",
        "PANTS_PYTHON_REPOS_PATH_MAPPINGS": "[]",
    }
    assert ready.start("test", "::", **changes).code == 0
    ready.start("lint", "::", **changes).failed("shfmt-py", changes["PIP_INDEX_URL"])


def test_a_locked_file_with_other_content_is_refused(ready: Machine, first_starts: Ready) -> None:
    lock, toml = shfmt(first_starts, b"#!/bin/sh\n# other than locked\n")
    digest = lock.rpartition(":")[2].strip()
    ready.lock("tools", lock.replace(digest, "0" * 64))
    ready.pants_toml.write_text(toml)
    ready.start("lint", "::").failed(
        *("shfmt-py", "tools.requirements.txt", first_starts.index.url),
        *(f"sha256 {digest}", f"locked {'0' * 64}"),
    )


def test_a_tool_that_pants_toml_does_not_pin_is_refused(
    ready: Machine, first_starts: Ready
) -> None:
    lock, toml = shfmt(first_starts, b"#!/bin/sh\n# right\n")
    digest = hashlib.sha256(b"#!/bin/sh\n# right\n").hexdigest()
    ready.lock("tools", lock)
    ready.pants_toml.write_text(toml.replace(digest, "1" * 64))
    ready.start("lint", "::").failed("pants.toml, [shfmt].known_versions", digest, "1" * 64)
    ready.pants_toml.write_text(toml.replace("|", "/"))
    ready.start("list").failed("[shfmt].known_versions", "version|platform|sha256|size")


def test_it_starts_from_anywhere(ready: Machine, tmp_path: Path) -> None:
    link = tmp_path / "bin" / "pants"
    link.parent.mkdir()
    link.symlink_to(ready.root / "pants")
    inside = ready.root / "build-support"
    for program, directory, where in (
        ("../pants", inside, inside),
        (str(link), inside, inside),
        (str(link), tmp_path, ready.root),
    ):
        done = subprocess.run(
            [program, "list"],
            cwd=directory,
            env=ready.environment,
            capture_output=True,
            text=True,
        )
        assert f"directory={where}\n" in done.stdout, done.stderr


def test_the_official_launcher_gets_the_same_settings(ready: Machine) -> None:
    # How it reads the file, the command line in `$0` and `$@` included.
    done = subprocess.run(
        ["bash", "-c", "set -eou pipefail; source .pants.bootstrap; exec env", "list", "::"],
        cwd=ready.root,
        env=ready.environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    theirs = {line for line in done.stdout.splitlines() if line.startswith("PANTS_")}
    ours = {f"{k}={v}" for k, v in ready.start("list").settings.items() if k.startswith("PANTS_")}
    assert ours - theirs == {"PANTS_BIN_NAME=./pants"}
    assert theirs <= ours
