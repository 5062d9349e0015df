"""A private MariaDB server for tests: own data folder, loopback only, ended by its process id."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from integration.ports import free_port

_EXTRA_PATH = ("/usr/sbin", "/usr/local/sbin", "/usr/libexec", "/usr/local/bin", "/usr/bin")
_START_SECONDS = 60.0
_STOP_SECONDS = 30.0
_LOG_TAIL = 3000

DATABASE = "fastapp_test"
USER = "tester"
PASSWORD = "p@ss:w/rd#1"


class MariaDBError(RuntimeError):
    """The server cannot be had; the text says why, and what to install."""


def find_binary(*names: str) -> str:
    """Path of the first of these programs, on PATH or where distributions put servers.

    Raises:
        MariaDBError: there is none.
    """
    path = os.pathsep.join([os.environ.get("PATH", ""), *_EXTRA_PATH])
    for name in names:
        found = shutil.which(name, path=path)
        if found is not None:
            return found
    raise MariaDBError(
        f"none of {', '.join(names)} is installed; these tests need a MariaDB server: "
        f"apt-get install mariadb-server"
    )


@dataclass
class MariaDB:
    """A server on one data folder; it can be killed and started again on the same data.

    Attributes:
        folder: everything of the server is in here; short, as the path of a socket is limited.
        port: TCP port on 127.0.0.1, the same after a restart.
    """

    folder: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def socket(self) -> Path:
        """The Unix socket."""
        return self.folder / "s.sock"

    @property
    def certificate(self) -> Path:
        """The certificate of the server, which signs itself; its name is "localhost"."""
        return self.folder / "cert.pem"

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    @property
    def _log(self) -> Path:
        return self.folder / "server.log"

    def install(self) -> None:
        """Make the data folder, a database and a user with all rights on it.

        Raises:
            MariaDBError: the server is not installed, or cannot be set up.
        """
        program = find_binary("mariadb-install-db", "mysql_install_db")
        self._data.mkdir(parents=True)
        command = [
            program,
            "--no-defaults",
            f"--datadir={self._data}",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            *self._as_root(),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise MariaDBError(f"{program} failed:\n{done.stdout}{done.stderr}"[-_LOG_TAIL:])
        self.make_certificate()
        setup = self.folder / "setup.sql"
        host = "'127.0.0.1'"
        setup.write_text(
            f"CREATE DATABASE {DATABASE} CHARACTER SET utf8mb4;\n"
            f"CREATE USER '{USER}'@{host} IDENTIFIED BY '{PASSWORD}';\n"
            f"GRANT ALL ON {DATABASE}.* TO '{USER}'@{host};\n"
            f"CREATE USER '{USER}'@'localhost' IDENTIFIED BY '{PASSWORD}';\n"
            f"GRANT ALL ON {DATABASE}.* TO '{USER}'@'localhost';\n",
            encoding="utf-8",
        )
        self.start(f"--init-file={setup}")

    def make_certificate(self) -> None:
        """Make a key and a certificate, which are valid for two days."""
        if shutil.which("openssl") is None:
            raise MariaDBError("openssl is not installed: apt-get install openssl")
        subprocess.run(
            [
                "openssl",
                *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
                *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
                *("-keyout", str(self.folder / "key.pem"), "-out", str(self.certificate)),
            ],
            capture_output=True,
            check=True,
        )

    def start(self, *options: str) -> None:
        """Start the server and wait until it takes connections.

        The defaults are chosen to be wrong for the framework, so that tests see what it sets
        itself: a session is not strict, and its time zone is not that of the project.

        Raises:
            MariaDBError: the server ended or did not answer in time; with the end of its log.
        """
        program = find_binary("mariadbd", "mysqld")
        # A server that starts deletes the temporary files of all that share its folder for them.
        temporary = self.folder / "tmp"
        temporary.mkdir(exist_ok=True)
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [
                    program,
                    "--no-defaults",
                    f"--datadir={self._data}",
                    f"--socket={self.socket}",
                    f"--port={self.port}",
                    f"--tmpdir={temporary}",
                    "--bind-address=127.0.0.1",
                    f"--pid-file={self.folder / 'server.pid'}",
                    "--sql-mode=",
                    "--default-time-zone=-05:00",
                    "--character-set-server=latin1",
                    "--skip-name-resolve",
                    f"--ssl-cert={self.certificate}",
                    f"--ssl-key={self.folder / 'key.pem'}",
                    "--innodb-buffer-pool-size=32M",
                    "--innodb-log-file-size=8M",
                    "--performance-schema=OFF",
                    # What was written outlives the process, if not the machine.
                    "--debug-no-sync",
                    "--innodb-flush-log-at-trx-commit=2",
                    *self._as_root(),
                    *options,
                ],
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise MariaDBError(f"the server ended at its start:\n{self._tail()}")
            if self._greets():
                return
            time.sleep(0.05)
        self.stop()
        raise MariaDBError(f"the server did not answer in {_START_SECONDS} s:\n{self._tail()}")

    def kill(self) -> None:
        """End the server as a power failure would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End the server in order; does nothing when it does not run."""
        self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> None:
        process, self.process = self.process, None
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(number)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _greets(self) -> bool:
        """Whether a connection is answered with the server's greeting, and not with an error."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1.0) as connection:
                head = connection.recv(5)
        except OSError:
            return False
        # Three bytes of length, one of sequence, then the protocol version; 255 marks an error.
        return len(head) == 5 and head[4] != 255

    def _tail(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")[-_LOG_TAIL:]

    @staticmethod
    def _as_root() -> list[str]:
        return ["--user=root"] if os.geteuid() == 0 else []
