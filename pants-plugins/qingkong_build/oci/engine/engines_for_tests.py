"""Real engines, each with a socket and a data root of its own, and ways to reach them.

Starting one takes root. What a test loads into the machine's own engine it removes again.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

#: For an engine to come up on a busy machine; it is looked at all the time.
PATIENCE_SECONDS = 120
#: An account that every system has, with the IDs that rootless Podman may map for it.
ORDINARY_USER = "nobody"
_SUB_IDS = f"{ORDINARY_USER}:100000:65536\n"


@dataclass(frozen=True)
class StartedEngine:
    """`variables` make a client use it."""

    name: str
    folder: Path
    variables: Mapping[str, str] = field(default_factory=dict)

    def reached_by(self, **variables: str) -> StartedEngine:
        """The same engine, by another way."""
        return StartedEngine(self.name, self.folder, variables)


def program(name: str, package: str) -> str:
    """The path of a program that a test needs."""
    path = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    assert path is not None, f"install {name}: apt-get install {package}"
    return path


@contextlib.contextmanager
def running(
    command: Sequence[str], log: Path, ready: Path | int, environment: Mapping[str, str]
) -> Iterator[None]:
    """Run a server until the block ends. It is ready when `ready`, a socket or a port, answers."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=dict(environment),
            start_new_session=True,
        )
    try:
        end = time.monotonic() + PATIENCE_SECONDS
        while not _takes_connections(ready):
            text = log.read_text(encoding="utf-8", errors="replace")[-2000:]
            assert process.poll() is None, f"{command[0]} ended: {text}"
            assert time.monotonic() < end, f"{command[0]} is not ready: {text}"
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE_SECONDS)
        finally:
            # What it started and has not ended itself.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def _takes_connections(ready: Path | int) -> bool:
    try:
        if isinstance(ready, int):
            socket.create_connection(("127.0.0.1", ready), 1).close()
        else:
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(str(ready))
    except OSError:
        return False
    return True


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def short_folder() -> Iterator[Path]:
    """A folder for sockets, whose paths must be short."""
    folder = Path(tempfile.mkdtemp(prefix="qk-engine-", dir="/tmp"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _environment(folder: Path) -> dict[str, str]:
    return {
        "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin",
        "HOME": str(folder),
        "XDG_RUNTIME_DIR": str(folder / "run"),
        "TMPDIR": str(folder),
    }


@contextlib.contextmanager
def _bridge() -> Iterator[str]:
    """A network bridge that nothing is connected to."""
    name = f"qk{os.getpid()}"
    ip = program("ip", "iproute2")
    subprocess.run([ip, "link", "add", name, "type", "bridge"], check=True)
    try:
        # A block for documentation: no machine has an address of it.
        subprocess.run([ip, "address", "add", "198.51.100.1/24", "dev", name], check=True)
        yield name
    finally:
        subprocess.run([ip, "link", "delete", name], check=True)


@contextlib.contextmanager
def docker_engine(folder: Path) -> Iterator[StartedEngine]:
    """A second `dockerd`: at a socket, and by TCP with TLS, which `tls/` of the folder is for."""
    port = free_port()
    certificates = make_certificates(folder)
    command = [program("dockerd", "docker.io"), "--data-root", f"{folder}/data"]
    command += ["--exec-root", f"{folder}/exec", "--pidfile", f"{folder}/pid"]
    command += ["--host", f"unix://{folder}/d.sock", "--host", f"tcp://127.0.0.1:{port}"]
    command += ["--tlsverify", "--tlscacert", str(certificates / "ca.pem")]
    command += ["--tlscert", f"{folder}/server.pem", "--tlskey", f"{folder}/server-key.pem"]
    # A bridge of its own: with `--bridge=none` it deletes that of the engine which runs already.
    command += ["--iptables=false", "--ip-masq=false", "--ip-forward=false"]
    command += ["--storage-driver=vfs"]
    with (
        _bridge() as bridge,
        running(
            [*command, f"--bridge={bridge}"],
            folder / "log",
            folder / "d.sock",
            _environment(folder),
        ),
    ):
        (folder / "port").write_text(str(port), encoding="utf-8")
        yield StartedEngine("Docker", folder, {"DOCKER_HOST": f"unix://{folder}/d.sock"})


def make_certificates(folder: Path) -> Path:
    """Certificates for a server on loopback, in `folder`; a client's are in the folder returned."""
    client = folder / "tls"
    client.mkdir()

    def openssl(*words: str | Path) -> None:
        command = [program("openssl", "openssl"), *map(str, words)]
        subprocess.run(command, check=True, capture_output=True, cwd=folder)

    new_key = ("-newkey", "rsa:2048", "-nodes")
    ca = ("-keyout", "ca-key.pem", "-out", client / "ca.pem")
    openssl("req", "-x509", *new_key, *ca, "-subj", "/CN=test-ca", "-days", "3650")
    for certificate, key, extension in (
        (folder / "server.pem", folder / "server-key.pem", "subjectAltName=IP:127.0.0.1"),
        (client / "cert.pem", client / "key.pem", "extendedKeyUsage=clientAuth"),
    ):
        request, extensions = folder / "request.pem", folder / "extensions"
        extensions.write_text(f"{extension}\n", encoding="utf-8")
        openssl("req", *new_key, "-keyout", key, "-out", request, "-subj", "/CN=test")
        authority = ("-CA", client / "ca.pem", "-CAkey", "ca-key.pem", "-CAcreateserial")
        valid = ("-days", "3650", "-extfile", extensions)
        openssl("x509", "-req", "-in", request, *authority, "-out", certificate, *valid)
    return client


@contextlib.contextmanager
def podman_engine(folder: Path, *, rootless: bool) -> Iterator[StartedEngine]:
    """Podman's service, as root or as an ordinary user."""
    command = [program("podman", "podman"), "--root", f"{folder}/root"]
    command += ["--runroot", f"{folder}/runroot", "--storage-driver", "vfs"]
    command += ["--cgroup-manager=cgroupfs", "--events-backend=file"]
    command += ["system", "service", "--time=0", f"unix://{folder}/p.sock"]
    (folder / "run").mkdir(mode=0o700)
    if rootless:
        program("newuidmap", "uidmap")
        shutil.chown(folder, ORDINARY_USER)
        shutil.chown(folder / "run", ORDINARY_USER)
        sub_ids = folder / "sub-ids"
        sub_ids.write_text(_SUB_IDS, encoding="utf-8")
        # The IDs that it may map are said in files of the system: in a mount namespace of its own.
        mounts = "".join(f"mount --bind {sub_ids} /etc/{name} && " for name in ("subuid", "subgid"))
        become = f"setpriv --reuid={ORDINARY_USER} --regid=nogroup --clear-groups"
        script = f'{mounts} cd {folder} && exec {become} "$@"'
        command = [
            *("unshare", "--mount", "--propagation=private", "sh", "-c", script, "sh"),
            *command,
        ]
    try:
        with running(command, folder / "log", folder / "p.sock", _environment(folder)):
            yield StartedEngine("Podman", folder, {"DOCKER_HOST": f"unix://{folder}/p.sock"})
    finally:
        # Rootless Podman leaves a process that holds its user namespace, in a session of its own.
        pause = folder / "run/libpod/tmp/pause.pid"
        if pause.exists():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pause.read_text(encoding="utf-8")), signal.SIGKILL)


@contextlib.contextmanager
def ssh_server(folder: Path) -> Iterator[tuple[int, Path]]:
    """An `sshd` on loopback. Yields its port, and a folder for PATH whose `ssh` may log in."""
    sshd = program("sshd", "openssh-server")
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    port = free_port()
    for key in ("host", "id"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / key)]
        subprocess.run(command, check=True)
    (folder / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nPidFile none\n"
        f"AuthorizedKeysFile {folder}/id.pub\nStrictModes no\nPermitRootLogin yes\nUsePAM no\n",
        encoding="utf-8",
    )
    (folder / "ssh_config").write_text(
        f"Host *\nIdentityFile {folder}/id\nIdentitiesOnly yes\nStrictHostKeyChecking no\n"
        "UserKnownHostsFile /dev/null\nLogLevel ERROR\n",
        encoding="utf-8",
    )
    programs = folder / "bin"
    programs.mkdir()
    client = programs / "ssh"
    real = program("ssh", "openssh-client")
    client.write_text(f'#!/bin/sh\nexec {real} -F {folder}/ssh_config "$@"\n', encoding="utf-8")
    client.chmod(0o755)
    command = [sshd, "-D", "-e", "-f", str(folder / "sshd_config")]
    with running(command, folder / "log", port, _environment(folder)):
        yield port, programs
