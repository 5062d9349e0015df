from __future__ import annotations

from typing import Any, cast

import pytest
from pants.backend.python.subsystems.repos import PythonRepos
from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.backend.python.util_rules.pex_environment import PythonExecutable
from pants.engine.env_vars import EnvironmentVars, EnvironmentVarsRequest
from pants.engine.fs import EMPTY_FILE_DIGEST, CreateDigest, Digest
from pants.engine.process import Process, ProcessResult
from pants.testutil.option_util import create_subsystem
from pants.testutil.rule_runner import MockGet, run_rule_with_mocks
from pants.util.frozendict import FrozenDict

from native_wheel.sdist import Sdist, SdistRequest, fetch_sdist

SCRIPT = Digest("a" * 64, 10)
DOWNLOADED = Digest("b" * 64, 20)


def fetch(size: int | None) -> tuple[Sdist, Process, CreateDigest]:
    """Run the rule; return its result, the process that it ran and the files it wrote."""
    seen: dict[type, Any] = {}

    def run(process: Process) -> ProcessResult:
        seen[Process] = process
        return ProcessResult(
            b"", EMPTY_FILE_DIGEST, b"", EMPTY_FILE_DIGEST, DOWNLOADED, metadata=cast(Any, None)
        )

    def create(request: CreateDigest) -> Digest:
        seen[CreateDigest] = request
        return SCRIPT

    sdist = run_rule_with_mocks(
        fetch_sdist,
        rule_args=[
            SdistRequest(
                target="3rdparty/tiny:wheel",
                project="tiny",
                version="1.0",
                sha256="0" * 64,
                size=size,
                interpreter_constraints=InterpreterConstraints(["CPython==3.12.*"]),
            ),
            create_subsystem(
                PythonRepos,
                indexes=["https://a.example/simple", "https://b.example/simple"],
                pypi_indexes=None,
            ),
        ],
        mock_gets=[
            MockGet(
                output_type=PythonExecutable,
                input_types=(InterpreterConstraints,),
                mock=lambda _: PythonExecutable("/bin/python3.12"),
            ),
            MockGet(
                output_type=EnvironmentVars,
                input_types=(EnvironmentVarsRequest,),
                mock=lambda _: EnvironmentVars({"SSL_CERT_FILE": "/certificates"}),
            ),
            MockGet(output_type=Digest, input_types=(CreateDigest,), mock=create),
            MockGet(output_type=ProcessResult, input_types=(Process,), mock=run),
        ],
    )
    return sdist, seen[Process], seen[CreateDigest]


@pytest.mark.parametrize(("size", "arguments"), [(None, ()), (7, ("--size=7",))])
def test_the_process(size: int | None, arguments: tuple[str, ...]) -> None:
    sdist, process, script = fetch(size)
    assert sdist == Sdist(DOWNLOADED, "tiny-1.0.tar.gz")
    assert process.argv == (
        "/bin/python3.12",
        "-I",
        "fetch_sdist.py",
        "--target=3rdparty/tiny:wheel",
        "--project=tiny",
        "--version=1.0",
        f"--sha256={'0' * 64}",
        *arguments,
        "--out=tiny-1.0.tar.gz",
        "--index=https://a.example/simple",
        "--index=https://b.example/simple",
    )
    assert process.input_digest == SCRIPT
    assert process.env == FrozenDict({"SSL_CERT_FILE": "/certificates"})
    assert process.output_files == ("tiny-1.0.tar.gz",)
    (file,) = script
    assert file.path == "fetch_sdist.py"
