"""Gets a source distribution from the configured index and checks it, in a cached process."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pants.backend.python.subsystems.repos import PythonRepos
from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.engine.env_vars import EnvironmentVars, EnvironmentVarsRequest
from pants.engine.fs import Digest
from pants.engine.process import ProcessResult
from pants.engine.rules import Get, collect_rules, rule

from sandbox_script.rules import ScriptRequest
from sandbox_script.rules import rules as script_rules
from sandbox_script.script import Script

# How a machine says which certificates and proxies its traffic needs.
NETWORK_ENV_VARS = (
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
)
_SCRIPT = Script("native_wheel", "fetch_sdist")


@dataclass(frozen=True)
class SdistRequest:
    """Which source distribution, for which target (named in errors)."""

    target: str
    project: str
    version: str
    sha256: str
    size: int | None
    interpreter_constraints: InterpreterConstraints


@dataclass(frozen=True)
class Sdist:
    """A verified source distribution: `digest` holds the one file `filename`."""

    digest: Digest
    filename: str


@rule(desc="Download a source distribution")
async def fetch_sdist(request: SdistRequest, repos: PythonRepos) -> Sdist:
    filename = f"{request.project}-{request.version}.tar.gz"
    result = await Get(
        ProcessResult,
        ScriptRequest(
            _SCRIPT,
            (
                f"--target={request.target}",
                f"--project={request.project}",
                f"--version={request.version}",
                f"--sha256={request.sha256}",
                *([f"--size={request.size}"] if request.size is not None else []),
                f"--out={filename}",
                *(f"--index={index}" for index in repos.indexes),
            ),
            f"Download {filename} for {request.target}",
            request.interpreter_constraints,
            env=await Get(EnvironmentVars, EnvironmentVarsRequest(NETWORK_ENV_VARS)),
            output_files=(filename,),
        ),
    )
    return Sdist(result.output_digest, filename)


def rules() -> Iterable[object]:
    return (*collect_rules(), *script_rules())
