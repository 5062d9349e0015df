"""The system's pip configuration reaches no process of a build.

pex starts pip with `--isolated`, which leaves out the user's configuration and not the system's.
Each case has a folder `/etc` of its own (a mount namespace), an empty cache, and makes a PEX for
both interpreters, as Pants would have the pex tool make it.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from launcher.machines import Interpreters, RealStart

CONFIGURATIONS = {
    "constraint": "constraint = {folder}/constraints.txt",
    "no-index": "no-index = true",
    "where it installs": "target = {folder}/target\nuser = true\nprefix = {folder}/prefix",
    "what it installs": (
        "require-hashes = true\nno-deps = true\nno-binary = :all:\nplatform = win32\n"
        "index-url = http://127.0.0.1:1/simple\nextra-index-url = http://127.0.0.1:1/other"
    ),
}
pytestmark = pytest.mark.skipif(
    os.getuid() != 0,
    reason="another /etc in a mount namespace takes root",
)


class Namespace:
    """A copy of `/etc` with another pip configuration, and no cache of pex."""

    def __init__(self, directory: Path, configuration: str) -> None:
        self.directory = directory
        self.etc = directory / "etc"
        shutil.copytree("/etc", self.etc, symlinks=True)
        (directory / "constraints.txt").write_text("ansicolors<9\n")
        text = "[global]\n" + configuration.format(folder=directory) + "\n"
        for file in (self.etc / "pip.conf", self.etc / "xdg" / "pip" / "pip.conf"):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)

    def run(self, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        sandbox = self.directory / "sandbox"
        (sandbox / ".cache" / "pex_root").mkdir(parents=True, exist_ok=True)
        (sandbox / ".tmp").mkdir(exist_ok=True)
        script = f"mount --bind {shlex.quote(str(self.etc))} /etc && exec {shlex.join(command)}"
        return subprocess.run(
            ["unshare", "--mount", "sh", "-c", script],
            cwd=sandbox,
            # As Pants: there is neither HOME nor XDG_CONFIG_DIRS.
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", **environment},
            capture_output=True,
            text=True,
            timeout=300,
        )


def tool_of(start: RealStart) -> Path:
    assert start.outcome().code == 0, start.outcome().stderr
    [tool] = start.machine.state.glob("tools/*/pex")
    return tool


def pex_environment(interpreters: Interpreters) -> dict[str, str]:
    return {
        "PEX_ROOT": ".cache/pex_root",
        "PEX_IGNORE_RCFILES": "true",
        "PEX_PYTHON": interpreters.python39,
    }


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_a_cold_pex_is_made_for_both_interpreters(
    tmp_path: Path, interpreters: Interpreters, real_start: RealStart, name: str
) -> None:
    tool = tool_of(real_start)
    namespace = Namespace(tmp_path, CONFIGURATIONS[name])
    settings = real_start.machine
    index = json.loads(settings.environment.get("PANTS_PYTHON_REPOS_INDEXES", "[]"))
    if "PIP_INDEX_URL" in settings.environment:
        index = [settings.environment["PIP_INDEX_URL"]]
    network = settings.state.parent / "pants" / "named_caches" / "pex_root" / "network.path"
    cache = tmp_path / "sandbox" / ".cache" / "pex_root"
    cache.mkdir(parents=True)
    shutil.copyfile(network, cache / "network.path")
    for number, python in enumerate((interpreters.python39, interpreters.python312)):
        done = namespace.run(
            *(interpreters.python39, str(tool), "--tmpdir", ".tmp"),
            *("--python", python, "-o", f"{number}.pex", "ansicolors==1.1.8"),
            *(f"--index={each}" for each in index),
            *(["--no-pypi"] if index else []),
            **pex_environment(interpreters),
        )
        assert done.returncode == 0, done.stderr
        assert (tmp_path / "sandbox" / f"{number}.pex").is_file()
    # What it downloads and unpacks is in the cache that it is given.
    assert (cache / "home" / ".cache" / "pex").is_dir()


def test_what_is_guarded_against_is_real(
    tmp_path: Path, interpreters: Interpreters, real_start: RealStart
) -> None:
    """Without its preamble the tool does what the configuration says, and finds no package."""
    namespace = Namespace(tmp_path, CONFIGURATIONS["no-index"])
    tool = tool_of(real_start)
    done = namespace.run(
        *(interpreters.python39, "-c", _WITHOUT_PREAMBLE, str(tool), "--tmpdir", ".tmp"),
        *("--python", interpreters.python39, "-o", "x.pex", "ansicolors==1.1.8"),
        **pex_environment(interpreters),
    )
    assert done.returncode != 0
    assert "ansicolors" in done.stderr


# Starts the tool as it was before it had a preamble.
_WITHOUT_PREAMBLE = """
import sys, zipfile, pathlib, os
source = pathlib.Path("plain").absolute()
with zipfile.ZipFile(sys.argv[1]) as archive:
    archive.extractall(source)
main = (source / "__main__.py").read_text()
(source / "__main__.py").write_text(main.replace("\\n_set_up_network()\\n", "\\n"))
os.execv(sys.executable, [sys.executable, str(source), *sys.argv[2:]])
"""
