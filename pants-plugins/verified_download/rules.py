"""One file of a package index, downloaded and checked in a cached process."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.engine.env_vars import EnvironmentVars, EnvironmentVarsRequest
from pants.engine.fs import Digest
from pants.engine.process import ProcessResult
from pants.engine.rules import Get, collect_rules, rule

from sandbox_script.rules import ScriptRequest
from sandbox_script.rules import rules as script_rules
from sandbox_script.script import Script

# For scripts that download: it has `read` and `save`.
DOWNLOAD = Script("verified_download", "download")
# How a machine says which certificates and proxies its traffic needs.
_NETWORK_ENV_VARS = (
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
)


@dataclass(frozen=True)
class DownloadRequest:
    """Run a script that writes the file `--out`, and that only if it is the one asked for."""

    script: Script
    argv: tuple[str, ...]
    filename: str
    description: str = field(compare=False)
    python: InterpreterConstraints


@dataclass(frozen=True)
class VerifiedFile:
    """`digest` holds the one file `filename`."""

    digest: Digest
    filename: str


@rule
async def download(request: DownloadRequest) -> VerifiedFile:
    result = await Get(
        ProcessResult,
        ScriptRequest(
            request.script,
            (*request.argv, f"--out={request.filename}"),
            request.description,
            request.python,
            env=await Get(EnvironmentVars, EnvironmentVarsRequest(_NETWORK_ENV_VARS)),
            output_files=(request.filename,),
        ),
    )
    return VerifiedFile(result.output_digest, request.filename)


def rules() -> Iterable[object]:
    return (*collect_rules(), *script_rules())
