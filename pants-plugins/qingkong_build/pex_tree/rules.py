"""A PEX's distributions as a plain file tree, made by one cached process.

Pants has `pex_venv` for this, but in 2.17 it cannot say for which interpreter: `pex3` takes
the one it runs on, which is Pants' own 3.9.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pants.backend.python.util_rules import pex, pex_cli, pex_environment
from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.backend.python.util_rules.pex import Pex
from pants.backend.python.util_rules.pex_cli import PexCliProcess
from pants.backend.python.util_rules.pex_environment import PythonExecutable
from pants.engine.fs import Digest
from pants.engine.process import ProcessResult
from pants.engine.rules import Get, collect_rules, rule


@dataclass(frozen=True)
class PexTreeRequest:
    """Lay out `pex` under `directory` for an interpreter of `interpreter_constraints`."""

    pex: Pex
    directory: str
    interpreter_constraints: InterpreterConstraints
    description: str


@dataclass(frozen=True)
class PexTree:
    """`digest` holds the importable packages below `directory`, scripts in its `bin/`."""

    digest: Digest
    directory: str


@rule
async def lay_out_pex(request: PexTreeRequest) -> PexTree:
    python = await Get(PythonExecutable, InterpreterConstraints, request.interpreter_constraints)
    result = await Get(
        ProcessResult,
        PexCliProcess(
            subcommand=("venv", "create"),
            extra_args=(
                f"--dest-dir={request.directory}",
                f"--pex-repository={request.pex.name}",
                "--layout=flat",
                f"--python={python.path}",
            ),
            additional_input_digest=request.pex.digest,
            output_directories=(request.directory,),
            description=request.description,
        ),
    )
    return PexTree(result.output_digest, request.directory)


def rules() -> Iterable[object]:
    return (
        *collect_rules(),
        *pex.rules(),
        *pex_cli.rules(),
        *pex_environment.rules(),
    )
