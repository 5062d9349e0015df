"""Running pip for the launcher: with the settings of pip_settings.py and with no others."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from errors import NO_ROOM, BootstrapError, unwritable
from network import Network
from pip_settings import PipSettings

HERE = Path(__file__).resolve().parent
LOCK_COMMAND = "python3.9 build-support/bootstrap/lock.py"
# A server that sends a byte now and then keeps pip waiting for ever: what is slower than this over
# the whole of a download is given up.
_SLOWEST_BYTES_PER_SECOND = 20_000


@dataclass(frozen=True)
class Pip:
    """pip on one interpreter.

    Attributes:
        command: starts it.
    """

    command: tuple[str, ...]
    settings: PipSettings
    network: Network

    @property
    def index(self) -> str:
        named = self.settings.index
        return f"the index {named}" if named else "pip's default index"

    def environment(self) -> dict[str, str]:
        dropped = re.compile(r"PIP_|PYTHON(PATH|HOME|STARTUP|USERBASE)$")
        kept = {name: value for name, value in os.environ.items() if not dropped.match(name)}
        settings = self.settings
        options = {
            "INDEX_URL": settings.index,
            "CERT": self.network.variables.get("REQUESTS_CA_BUNDLE"),
            "CLIENT_CERT": settings.client_cert,
            "DEFAULT_TIMEOUT": settings.timeout,
            # pip's own five tries take long to say that there is no network.
            "RETRIES": settings.retries or "2",
            "TRUSTED_HOST": settings.trusted_host,
            "CONFIG_FILE": os.devnull,
            "USER": "0",
            "NO_INPUT": "1",
            "NO_CACHE_DIR": "1",
            "DISABLE_PIP_VERSION_CHECK": "1",
        }
        chosen = {f"PIP_{name}": value for name, value in options.items() if value}
        temporary = {"TMPDIR": tempfile.gettempdir()}
        return {**kept, **self.network.variables, **chosen, **temporary}

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*self.command, *arguments],
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # With the lock of the set-up: see __main__.py.
            close_fds=False,
        )

    def finish(self, process: subprocess.Popen[str], *, what: str, lock: str, size: int) -> str:
        """What it printed. `size` is about how many bytes it downloads at the most."""
        seconds = 60 + size // _SLOWEST_BYTES_PER_SECOND
        try:
            stdout, stderr = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired as error:
            raise BootstrapError(
                f"{what} took more than {seconds} s",
                where=self.index,
                value=f"slower than {_SLOWEST_BYTES_PER_SECOND} bytes a second",
                fix="name a faster index (PIP_INDEX_URL or pip.conf), then start again",
            ) from error
        finally:
            if process.poll() is None:
                process.kill()
                process.communicate()
        if process.returncode != 0:
            output = stdout + stderr
            missing = re.search(r"No matching distribution found for (\S+)", output)
            if missing:
                # pip says only to those who ask for every detail that an index let no one in.
                details = self.start("download", "-vv", "--no-deps", "-d", os.devnull, missing[1])
                output += "".join(details.communicate(timeout=seconds))
            raise explain_pip(output, what=what, lock=lock, index=self.index)
        return stdout

    def run(self, *arguments: str, what: str, lock: str, size: int) -> str:
        return self.finish(self.start(*arguments), what=what, lock=lock, size=size)

    def download(self, package: str, lock: str, directory: Path, size: int) -> Path:
        """The wheel of one locked `package`, verified."""
        block = re.search(rf"^{re.escape(package)}==.*(?:\n .*)*", (HERE / lock).read_text(), re.M)
        if block is None:
            raise BootstrapError(
                f"{package} is not locked",
                where=f"build-support/bootstrap/{lock}",
                value=f"no line {package}==…",
                fix=f"add it to tools.in, then run: {LOCK_COMMAND}",
            )
        only = directory / "only.txt"
        only.write_text(block[0] + "\n")
        options = ("--require-hashes", "--no-deps", "--only-binary=:all:", "--dest", str(directory))
        self.run(
            *("download", *options, "-r", str(only)),
            what=f"fetching {package}",
            lock=lock,
            size=size,
        )
        return next(directory.glob("*.whl"))


def install_arguments(requirements: Sequence[str], directory: Path) -> tuple[str, ...]:
    """`pip install` of locked requirements; `directory` is for the list of them."""
    file = directory / "requirements.txt"
    file.write_text("\n".join(requirements) + "\n")
    # Whatever is there is not what is locked: a pip that runs from a folder counts itself, too.
    which = ("--require-hashes", "--no-deps", "--ignore-installed", "-r", str(file))
    return ("install", *which, "--no-build-isolation", "--no-compile")


def explain_pip(output: str, *, what: str, lock: str, index: str) -> BootstrapError:
    """One message for what pip says in many lines."""
    where = f"build-support/bootstrap/{lock}, from {index}"
    full = [line for line in output.splitlines() if NO_ROOM.search(line)]
    if full:
        # pip writes below the state only, and its temporary files are there, too.
        return unwritable(
            f"{what} needs more room",
            where=str(Path(tempfile.gettempdir()).parent),
            value=full[-1].strip()[:200],
            option="QINGKONG_BUILD_CACHE",
        )
    wrong = re.search(
        r"^\s+(?P<name>\S+) from .*\n"
        r"\s+Expected sha256 (?P<want>\w+)(?:.|\n)*?Got\s+(?P<got>\w+)",
        output,
        re.M,
    )
    if wrong:
        return BootstrapError(
            f"the index gave a file of {wrong['name']} that is not the locked one",
            where=where,
            value=f"sha256 {wrong['got']}, locked {wrong['want']}",
            fix=f"find out why the index's file differs; to lock it again: {LOCK_COMMAND}",
        )
    refused = re.search(r"\b(401|403)\b[^\n]*(Unauthorized|Forbidden|Error)", output, re.I)
    if refused:
        return BootstrapError(
            f"{what} needs an index that lets this user in",
            where=index,
            value=f"it answers {refused[1]}",
            fix="give a user and password: https://user:password@host/… as index-url"
            " (PIP_INDEX_URL or pip.conf), ~/.netrc, or keyring-provider=subprocess",
        )
    missing = re.search(r"No matching distribution found for (\S+)", output)
    trouble = re.findall(
        r"(?:NewConnectionError|ConnectTimeoutError|NameResolutionError|ReadTimeoutError|ProxyError"
        r"|SSLError|ProtocolError|HTTP error|HTTPError|Connection\w*Error).*",
        output,
    )
    if trouble:
        return BootstrapError(
            f"{what} needs the package index, which did not answer",
            where=index,
            value=re.sub(r"<[^>]*>: |(?<=//)[^/@\s]*@", "", trouble[-1])[:200],
            fix="check the network, or name a reachable index (PIP_INDEX_URL or pip.conf),"
            " proxy (HTTPS_PROXY) and certificates (PIP_CERT)",
        )
    lines = [line for line in output.splitlines() if line.strip()] or ["no output"]
    errors = [line for line in lines if line.startswith("ERROR")] or lines[-1:]
    return BootstrapError(
        f"the index has no {missing[1]} for this machine" if missing else f"{what} failed in pip",
        where=where,
        value=re.sub(r"//[^/@\s]*@", "//", errors[0])[:200],
        fix="use an index that has the locked file (PIP_INDEX_URL or pip.conf)",
    )
