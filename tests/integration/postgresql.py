"""A private PostgreSQL server for tests: own data folder, loopback only, ended by its pid."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from integration.ports import free_port

#: Distributions keep the programs of a server out of PATH, each release in a folder of its own.
_FOLDERS = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/local/bin", "/usr/bin")
_START_SECONDS = 60.0
_STOP_SECONDS = 30.0
_LOG_TAIL = 3000

DATABASE = "fastapp_test"
USER = "tester"
PASSWORD = "p@ss:w/rd#1"


class PostgreSQLError(RuntimeError):
    """The server cannot be had; the text says why, and what to install."""


def find_binary(name: str) -> str:
    """Path of a program of the newest server that is installed.

    Raises:
        PostgreSQLError: there is none.
    """
    for pattern in _FOLDERS:
        for found in sorted(Path("/").glob(f"{pattern[1:]}/{name}"), reverse=True):
            if os.access(found, os.X_OK):
                return str(found)
    raise PostgreSQLError(
        f"{name} is not installed; these tests need a PostgreSQL server: apt-get install postgresql"
    )


@dataclass
class PostgreSQL:
    """A server on one data folder.

    Attributes:
        folder: everything of the server is in here.
        port: TCP port on 127.0.0.1.
    """

    folder: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def _log(self) -> Path:
        return self.folder / "server.log"

    def install(self) -> None:
        """Make the data folder, and start the server with a database of the test's user.

        Raises:
            PostgreSQLError: the server is not installed, or cannot be set up.
        """
        account = _account()
        if account is not None:
            shutil.chown(self.folder, account)
        secret = self.folder / "password"
        secret.write_text(PASSWORD, encoding="utf-8")
        secret.chmod(0o644)
        self._run(
            find_binary("initdb"),
            f"--pgdata={self.folder / 'data'}",
            f"--username={USER}",
            f"--pwfile={secret}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--no-locale",
            "--no-sync",
        )
        self.start()

    def start(self) -> None:
        """Start the server and wait until it takes connections.

        Raises:
            PostgreSQLError: the server ended or did not answer in time; with the end of its log.
        """
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [
                    find_binary("postgres"),
                    *("-D", str(self.folder / "data"), "-p", str(self.port)),
                    *("-c", "listen_addresses=127.0.0.1"),
                    *("-c", f"unix_socket_directories={self.folder}"),
                    *("-c", "fsync=off", "-c", "shared_buffers=32MB"),
                ],
                stdout=log,
                stderr=log,
                user=_account(),
            )
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise PostgreSQLError(f"the server ended at its start:\n{self._tail()}")
            if self.answers("postgres", "SELECT 1"):
                self.answers("postgres", f"CREATE DATABASE {DATABASE}")
                return
            time.sleep(0.05)
        self.stop()
        raise PostgreSQLError(f"the server did not answer in {_START_SECONDS} s:\n{self._tail()}")

    def answers(self, database: str, sql: str) -> bool:
        """Whether a statement succeeds."""
        done = subprocess.run(
            [
                find_binary("psql"),
                *("--no-psqlrc", "--quiet", "--host=127.0.0.1", f"--port={self.port}"),
                *(f"--username={USER}", f"--dbname={database}", f"--command={sql}"),
            ],
            env={**os.environ, "PGPASSWORD": PASSWORD},
            capture_output=True,
            check=False,
        )
        return done.returncode == 0

    def stop(self) -> None:
        """End the server; does nothing when it does not run."""
        process, self.process = self.process, None
        if process is None:
            return
        if process.poll() is None:
            # "Fast shutdown": open sessions are ended.
            process.send_signal(signal.SIGINT)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _run(self, *command: str) -> None:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, user=_account(), cwd="/"
        )
        if done.returncode != 0:
            raise PostgreSQLError(f"{command[0]} failed:\n{done.stdout}{done.stderr}"[-_LOG_TAIL:])

    def _tail(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")[-_LOG_TAIL:]


def _account() -> str | None:
    """The server refuses to run as root: the account that it runs as then."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"
