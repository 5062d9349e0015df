"""Gets a source distribution from the configured index and checks it, in a cached process."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterable
from dataclasses import dataclass

from pants.backend.python.subsystems.repos import PythonRepos
from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.backend.python.util_rules.pex_environment import PythonExecutable
from pants.engine.env_vars import EnvironmentVars, EnvironmentVarsRequest
from pants.engine.fs import CreateDigest, Digest, FileContent
from pants.engine.process import Process, ProcessResult
from pants.engine.rules import Get, collect_rules, rule

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
_SCRIPT = "fetch_sdist.py"


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
    python = await Get(PythonExecutable, InterpreterConstraints, request.interpreter_constraints)
    env = await Get(EnvironmentVars, EnvironmentVarsRequest(NETWORK_ENV_VARS))
    source = pkgutil.get_data("native_wheel", f"scripts/{_SCRIPT}")
    assert source is not None, f"{_SCRIPT} is missing from the native_wheel plugin"
    script = await Get(Digest, CreateDigest([FileContent(_SCRIPT, source)]))
    filename = f"{request.project}-{request.version}.tar.gz"
    result = await Get(
        ProcessResult,
        Process(
            argv=(
                python.path,
                "-I",
                _SCRIPT,
                f"--target={request.target}",
                f"--project={request.project}",
                f"--version={request.version}",
                f"--sha256={request.sha256}",
                *([f"--size={request.size}"] if request.size is not None else []),
                f"--out={filename}",
                *(f"--index={index}" for index in repos.indexes),
            ),
            input_digest=script,
            env=env,
            output_files=(filename,),
            description=f"Download {filename} for {request.target}",
        ),
    )
    return Sdist(result.output_digest, filename)


def rules() -> Iterable[object]:
    return collect_rules()
