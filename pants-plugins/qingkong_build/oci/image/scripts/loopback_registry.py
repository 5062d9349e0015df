"""A registry of this machine for the tests: Debian's `docker-registry`."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SECONDS = 30.0


@contextmanager
def registry(folder: Path, login: str = "") -> Iterator[str]:
    """`host:port` of an empty registry that keeps its data in `folder`.

    Args:
        login: a line of a password file, `user:bcrypt`, without which nothing is given.
    """
    program = shutil.which("docker-registry")
    assert program is not None, "docker-registry is missing; run `make test`, which installs it"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    configuration: dict[str, object] = {
        "version": "0.1",
        "log": {"level": "error"},
        "storage": {"filesystem": {"rootdirectory": str(folder / "registry")}},
        "http": {"addr": f"127.0.0.1:{port}"},
    }
    if login:
        (folder / "passwords").write_text(f"{login}\n", encoding="ascii")
        configuration["auth"] = {"htpasswd": {"realm": "tests", "path": str(folder / "passwords")}}
    # JSON is YAML too.
    (folder / "registry.yml").write_text(json.dumps(configuration), encoding="utf-8")
    process = subprocess.Popen(
        [program, "serve", str(folder / "registry.yml")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + SECONDS
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/v2/", timeout=1).close()
                break
            except urllib.error.HTTPError:
                # It answers, and wants a login.
                break
            except OSError:
                assert process.poll() is None, "the registry ended"
                assert time.monotonic() < deadline, "the registry does not answer"
                time.sleep(0.05)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(SECONDS)
