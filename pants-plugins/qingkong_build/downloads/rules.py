"""One file of a package index, downloaded and checked in a cached process."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.engine.fs import Digest
from pants.engine.process import FallibleProcessResult, Process
from pants.engine.rules import Get, collect_rules, rule

from qingkong_build.downloads import network
from qingkong_build.downloads.network import NetworkAccess
from qingkong_build.sandbox.local import LocalProcess
from qingkong_build.sandbox.local import rules as local_rules
from qingkong_build.sandbox.rules import ScriptRequest
from qingkong_build.sandbox.rules import rules as script_rules
from qingkong_build.sandbox.script import Script

# For scripts that use a network.
HTTP = Script(
    "qingkong_build.downloads", "http_client", modules=("http_connection", "network_settings")
)
FETCH = Script(
    "qingkong_build.downloads",
    "fetch_file",
    modules=("index_credentials", "simple_index"),
    uses=(HTTP,),
)


class DownloadError(Exception):
    """Which file, for what, and what the script said."""


@dataclass(frozen=True)
class DownloadRequest:
    """A file that is known by its sha256, wherever it comes from and whoever asks for it.

    Attributes:
        argv: of scripts/fetch_file.py, without `--out`. They are the cache key, with `filename`.
        wanted_by: what has the sha256, for errors: a lockfile or a target.
    """

    argv: tuple[str, ...]
    filename: str
    wanted_by: str
    python: InterpreterConstraints


@dataclass(frozen=True)
class VerifiedFile:
    """`digest` holds the one file `filename`."""

    digest: Digest
    filename: str


@rule
async def download(request: DownloadRequest) -> VerifiedFile:
    access = await Get(NetworkAccess)
    process = await Get(
        Process,
        ScriptRequest(
            FETCH,
            (*request.argv, f"--out={request.filename}"),
            f"Download {request.filename}",
            request.python,
            caches=access.caches,
            output_files=(request.filename,),
        ),
    )
    result = await Get(FallibleProcessResult, LocalProcess(process))
    if result.exit_code != 0:
        raise DownloadError(
            f"Download of {request.filename} for {request.wanted_by} failed: "
            f"{result.stderr.decode(errors='replace').strip()}"
        )
    return VerifiedFile(result.output_digest, request.filename)


def rules() -> Iterable[object]:
    return (*collect_rules(), *script_rules(), *local_rules(), *network.rules())
