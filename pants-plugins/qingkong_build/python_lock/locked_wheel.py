"""Downloads one wheel of a lockfile: a cached process each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pants.backend.python.subsystems.setup import PythonSetup
from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.engine.fs import Digest
from pants.engine.rules import Get, collect_rules, rule

from qingkong_build.downloads.rules import DownloadRequest, VerifiedFile
from qingkong_build.downloads.rules import rules as download_rules
from qingkong_build.python_lock.lock_graph import Artifact


@dataclass(frozen=True)
class WheelRequest:
    """A wheel of the lockfile at `lockfile`, which is named in errors."""

    artifact: Artifact
    lockfile: str


@dataclass(frozen=True)
class Wheel:
    """A wheel, downloaded or built here: `digest` holds the one file `filename`."""

    digest: Digest
    filename: str


@rule(desc="Download a wheel")
async def fetch_wheel(request: WheelRequest, python_setup: PythonSetup) -> Wheel:
    artifact = request.artifact
    file = await Get(
        VerifiedFile,
        DownloadRequest(
            # As the lockfile has it: what a `${NAME}` of it means is no part of what the file is.
            (f"--url={artifact.url}", f"--sha256={artifact.sha256}"),
            artifact.filename,
            request.lockfile,
            InterpreterConstraints(python_setup.interpreter_constraints),
        ),
    )
    return Wheel(file.digest, file.filename)


def rules() -> Iterable[object]:
    return (*collect_rules(), *download_rules())
