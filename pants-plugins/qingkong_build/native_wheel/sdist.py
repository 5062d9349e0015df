"""Gets a source distribution from the configured index and checks it, in a cached process."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.engine.rules import Get, collect_rules, rule

from qingkong_build.downloads.rules import DownloadRequest, VerifiedFile
from qingkong_build.downloads.rules import rules as download_rules


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
async def fetch_sdist(request: SdistRequest) -> VerifiedFile:
    return await Get(
        VerifiedFile,
        DownloadRequest(
            (
                f"--project={request.project}",
                f"--version={request.version}",
                f"--sha256={request.sha256}",
                *([f"--size={request.size}"] if request.size is not None else []),
            ),
            f"{request.project}-{request.version}.tar.gz",
            f"target {request.target}",
            request.interpreter_constraints,
        ),
    )


def rules() -> Iterable[object]:
    return (*collect_rules(), *download_rules())
