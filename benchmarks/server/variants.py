"""The servers that are compared, each as a context that runs it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from server.processes import Server, find_program, free_port, serving
from server.project import Project

_NGINX = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/routing.conf;
}}
"""


@contextmanager
def bare(project: Project, *, access_log: bool) -> Iterator[Server]:
    """The endpoint on FastAPI alone, served by the same uvicorn with the same loop and parser."""
    port = free_port()
    command = [
        *(str(project.python), "-m", "uvicorn", "bare:app", "--port", str(port)),
        *("--loop", "uvloop", "--http", "httptools", "--no-server-header"),
        *(() if access_log else ("--no-access-log",)),
    ]
    with serving(command, port, folder=project.folder, environment=project.environment()) as server:
        yield server


@contextmanager
def aio(project: Project, **settings: str) -> Iterator[Server]:
    """``runserver-aio``."""
    port = free_port()
    environment = project.environment(**settings)
    command = project.command("runserver-aio", "--port", str(port))
    with serving(command, port, folder=project.folder, environment=environment) as server:
        yield server


@contextmanager
def gateway(project: Project, service: Server, **settings: str) -> Iterator[Server]:
    """``gateway`` in front of a service."""
    port = free_port()
    environment = project.environment(**settings)
    command = project.command("gateway", "--port", str(port), *_upstream(service))
    with serving(command, port, folder=project.folder, environment=environment) as server:
        yield server


@contextmanager
def nginx(project: Project, service: Server) -> Iterator[Server]:
    """Debian's nginx, one worker, with what ``gateway --print-config nginx`` writes."""
    port = free_port()
    folder = project.folder / "nginx"
    folder.mkdir(exist_ok=True)
    routing = project.run(
        "gateway", "--print-config", "nginx", "--port", str(port), *_upstream(service)
    )
    (folder / "routing.conf").write_text(routing, encoding="utf-8")
    config = folder / "nginx.conf"
    config.write_text(_NGINX.format(folder=folder), encoding="utf-8")
    command = [find_program("nginx"), "-c", str(config), "-p", str(folder)]
    with serving(
        command,
        port,
        folder=folder,
        environment=project.environment(),
        workers_below=True,
    ) as server:
        yield server


def _upstream(service: Server) -> tuple[str, str]:
    return "--upstream", f"app0=http://127.0.0.1:{service.port}"
