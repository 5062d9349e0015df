"""Gets a source distribution from the configured index and checks it, in a cached process."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pants.backend.python.subsystems.repos import PythonRepos
from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.engine.rules import Get, collect_rules, rule

from sandbox_script.script import Script
from verified_download.rules import DOWNLOAD, DownloadRequest, VerifiedFile
from verified_download.rules import rules as download_rules

_FETCH = Script("native_wheel", "fetch_sdist", uses=(DOWNLOAD,))


@dataclass(frozen=True)
class SdistRequest:
    """Which source distribution, for which target (named in errors)."""

    target: str
    project: str
    version: str
    sha256: str
    size: int | None
    interpreter_constraints: InterpreterConstraints


@rule(desc="Download a source distribution")
async def fetch_sdist(request: SdistRequest, repos: PythonRepos) -> VerifiedFile:
    filename = f"{request.project}-{request.version}.tar.gz"
    return await Get(
        VerifiedFile,
        DownloadRequest(
            _FETCH,
            (
                f"--target={request.target}",
                f"--project={request.project}",
                f"--version={request.version}",
                f"--sha256={request.sha256}",
                *([f"--size={request.size}"] if request.size is not None else []),
                *(f"--index={index}" for index in repos.indexes),
            ),
            filename,
            f"Download {filename} for {request.target}",
            request.interpreter_constraints,
        ),
    )


def rules() -> Iterable[object]:
    return (*collect_rules(), *download_rules())
