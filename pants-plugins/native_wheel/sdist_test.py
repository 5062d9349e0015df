from __future__ import annotations

from typing import Any, cast

import pytest
from pants.backend.python.subsystems.repos import PythonRepos
from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.engine.env_vars import EnvironmentVars, EnvironmentVarsRequest
from pants.engine.fs import EMPTY_DIGEST, EMPTY_FILE_DIGEST, Digest
from pants.engine.process import ProcessResult
from pants.testutil.option_util import create_subsystem
from pants.testutil.rule_runner import MockGet, run_rule_with_mocks
from pants.util.frozendict import FrozenDict

from native_wheel.sdist import Sdist, SdistRequest, fetch_sdist
from sandbox_script.rules import ScriptRequest

DOWNLOADED = Digest("b" * 64, 20)
CONSTRAINTS = InterpreterConstraints(["CPython==3.12.*"])


def fetch(size: int | None) -> tuple[Sdist, ScriptRequest]:
    """Run the rule; return its result, and the script that it ran."""
    seen: list[ScriptRequest] = []

    def run(request: ScriptRequest) -> ProcessResult:
        seen.append(request)
        return ProcessResult(
            b"", EMPTY_FILE_DIGEST, b"", EMPTY_FILE_DIGEST, DOWNLOADED, metadata=cast(Any, None)
        )

    sdist = run_rule_with_mocks(
        fetch_sdist,
        rule_args=[
            SdistRequest(
                target="3rdparty/tiny:wheel",
                project="tiny",
                version="1.0",
                sha256="0" * 64,
                size=size,
                interpreter_constraints=CONSTRAINTS,
            ),
            create_subsystem(
                PythonRepos,
                indexes=["https://a.example/simple", "https://b.example/simple"],
                pypi_indexes=None,
            ),
        ],
        mock_gets=[
            MockGet(
                output_type=EnvironmentVars,
                input_types=(EnvironmentVarsRequest,),
                mock=lambda _: EnvironmentVars({"SSL_CERT_FILE": "/certificates"}),
            ),
            MockGet(output_type=ProcessResult, input_types=(ScriptRequest,), mock=run),
        ],
    )
    (request,) = seen
    return sdist, request


@pytest.mark.parametrize(("size", "arguments"), [(None, ()), (7, ("--size=7",))])
def test_the_process(size: int | None, arguments: tuple[str, ...]) -> None:
    sdist, request = fetch(size)
    assert sdist == Sdist(DOWNLOADED, "tiny-1.0.tar.gz")
    assert request.argv == (
        "--target=3rdparty/tiny:wheel",
        "--project=tiny",
        "--version=1.0",
        f"--sha256={'0' * 64}",
        *arguments,
        "--out=tiny-1.0.tar.gz",
        "--index=https://a.example/simple",
        "--index=https://b.example/simple",
    )
    assert request.python == CONSTRAINTS
    assert request.digest == EMPTY_DIGEST
    assert request.env == FrozenDict({"SSL_CERT_FILE": "/certificates"})
    assert request.output_files == ("tiny-1.0.tar.gz",)
    (file,) = request.script.files("")
    assert file.path == "fetch_sdist.py"
