"""Other proxies, run with what ``manage.py gateway --print-config`` writes for them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from integration.gateway.processes import command, wait_until_up
from integration.gateway.support import free_port
from integration.mariadb import find_binary
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
    """nginx or envoy with these options of the gateway; gives its port."""
    port = free_port()
    text = printed(kind, "--port", str(port), *options, **environment)
    (folder / "printed.yaml").write_text(text, encoding="utf-8")
    process = _START[kind](folder)
    with ended(process) as log:
        wait_until_up(process, f"http://127.0.0.1:{port}/healthz", log)
        try:
            yield port
        finally:
            # pytest shows it when the test fails.
            print("".join(log[-30:]))  # noqa: T201


def _nginx(folder: Path) -> subprocess.Popen[str]:
    whole = folder / "nginx.conf"
    whole.write_text(_NGINX.format(folder=folder), encoding="utf-8")
    return _start(find_binary("nginx"), "-p", str(folder), "-c", str(whole))


def _envoy(folder: Path) -> subprocess.Popen[str]:
    arguments = ["-c", str(folder / "printed.yaml"), "--concurrency", "1", "--use-dynamic-base-id"]
    return _start(sys.executable, "-m", "envoy._main", *arguments, "--log-level", "warning")


def _start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        arguments,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


_START: dict[str, Callable[[Path], subprocess.Popen[str]]] = {"nginx": _nginx, "envoy": _envoy}
