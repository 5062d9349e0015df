"""The real Pants, set up from the index that this machine's pip uses."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import tomllib
from pathlib import Path

from launcher.machines import RealStart


def test_pants_starts_in_a_path_with_spaces(real_start: RealStart) -> None:
    assert " " in str(real_start.machine.root)
    outcome = real_start.outcome()
    assert (outcome.code, outcome.stdout) == (0, "2.17.1\n"), outcome.stderr


def test_the_pex_tool_is_the_one_that_pants_toml_pins(real_start: RealStart) -> None:
    assert real_start.outcome().code == 0
    section = tomllib.loads(real_start.machine.pants_toml.read_text())["pex-cli"]
    pins = {tuple(pin.split("|")[2:]) for pin in section["known_versions"]}
    state = Path(real_start.machine.environment["HOME"], ".cache", "qingkong-build")
    [tool] = state.glob("tools/*/pex")
    data = tool.read_bytes()
    assert {(hashlib.sha256(data).hexdigest(), str(len(data)))} == pins


def test_the_native_client_runs_and_pants_is_what_the_list_locks(real_start: RealStart) -> None:
    assert real_start.outcome().code == 0
    state = Path(real_start.machine.environment["HOME"], ".cache", "qingkong-build")
    [stamp] = state.glob("pants-*/complete")
    client = stamp.parent / stamp.read_text().strip()
    assert client.name == "native_client"
    assert os.access(client, os.X_OK)
    listing = subprocess.run(
        [stamp.parent / "bin" / "python", "-I", "-m", "pip", "list", "--format", "json"],
        capture_output=True,
        check=True,
    )
    installed = {
        f"{re.sub('[-_.]+', '-', each['name']).lower()}=={each['version']}"
        for each in json.loads(listing.stdout)
    }
    locked = (real_start.machine.bootstrap / "pants.requirements.txt").read_text()
    pins = {line.split()[0] for line in locked.splitlines() if line[0] not in " #"}
    assert pins <= installed
