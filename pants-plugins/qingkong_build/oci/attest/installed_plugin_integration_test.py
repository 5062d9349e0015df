"""The commands of docs/attestations.md, from a distribution: a repository has no plugins in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from pants.engine.fs import FileContent
from pants.option.config import Config

from plugin_testing.distribution import write_wheel
from plugin_testing.layouts import write_small_layout
from plugin_testing.machine import MACHINE_ENV, certificates

PLUGINS = ("qingkong_build",)
DISTRIBUTION = "plugins-under-test"
PATIENCE_SECONDS = 240


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `pants package` leaves, with keys of the machine's OpenSSL beside it."""
    root = tmp_path_factory.mktemp("repository")
    wheels = tmp_path_factory.mktemp("wheels")
    write_wheel(wheels, DISTRIBUTION, PLUGINS)
    (values,) = Config.load([FileContent("pants.toml", Path("pants.toml").read_bytes())]).values
    pex_cli = values.section_to_values["pex-cli"]
    sections: dict[str, dict[str, object]] = {
        "GLOBAL": {
            "pants_version": values.section_to_values["GLOBAL"]["pants_version"],
            "backend_packages": ["pants.backend.python", "qingkong_build.oci.attest"],
            "plugins": [f"{DISTRIBUTION}==1.0"],
            "pantsd": False,
            "local_store_dir": str(root / ".caches" / "store"),
            "named_caches_dir": str(root / ".caches" / "named"),
        },
        # Pants' default is a pip that comes from an index; pex brings this one.
        "python": {
            "interpreter_constraints": ["CPython==3.12.*"],
            "pip_version": "20.3.4-patched",
        },
        "python-repos": {"indexes": [], "find_links": [wheels.as_uri()]},
        "pex-cli": {name: pex_cli[name] for name in ("version", "known_versions")},
    }
    # JSON's lists, texts and truth values are TOML's, too.
    lines = [
        line
        for name, options in sections.items()
        for line in (f"[{name}]", *(f"{k} = {json.dumps(v)}" for k, v in options.items()))
    ]
    (root / "pants.toml").write_text("\n".join(lines) + "\n")
    (root / "deploy").mkdir()
    (root / "deploy" / "BUILD").write_text(
        'image_attestations(name="attestations", image=":oci")\n'
    )
    (root / "dist" / "deploy" / "attestations").mkdir(parents=True)
    write_small_layout(
        root / "dist/deploy/attestations/oci", [{"etc/x": ("", 0)}, {"app": ("", 0)}], {}
    )
    for arguments in (
        ("ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out", "cosign.key"),
        ("ec", "-in", "cosign.key", "-pubout", "-out", "cosign.pub"),
    ):
        subprocess.run(["openssl", *arguments], cwd=root, check=True, capture_output=True)
    return root


def pants(repository: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    env = {name: os.environ[name] for name in MACHINE_ENV if name in os.environ}
    env.update(certificates())
    # Pants itself, and not the plugins beside this test.
    path = [
        entry for entry in map(os.path.abspath, sys.path) if not Path(entry, PLUGINS[0]).exists()
    ]
    env.update(
        HOME=str(repository / ".caches"),
        PYTHONPATH=os.pathsep.join(path),
        NO_SCIE_WARNING="1",
        LC_ALL="C.UTF-8",
    )
    return subprocess.run(
        [sys.executable, "-m", "pants", "--no-pantsrc", *arguments],
        cwd=repository,
        env=env,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


def test_signing_and_verifying(repository: Path) -> None:
    run = ("run", "deploy:attestations", "--")
    sign = "openssl dgst -sha256 -sign cosign.key"
    signed = pants(repository, *run, "sign", "--command", sign)
    assert signed.returncode == 0, signed.stderr
    assert signed.stdout.startswith("signed sha256:")
    verified = pants(repository, *run, "verify", "--key", "cosign.pub", "--allow-unattested")
    assert verified.returncode == 0, verified.stderr
    assert verified.stdout.startswith("verified sha256:")
