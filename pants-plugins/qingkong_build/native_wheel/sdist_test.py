from __future__ import annotations

import pytest
from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.engine.fs import Digest
from pants.testutil.rule_runner import MockGet, run_rule_with_mocks

from qingkong_build.downloads.rules import DownloadRequest, VerifiedFile
from qingkong_build.native_wheel.sdist import SdistRequest, fetch_sdist

DOWNLOADED = Digest("b" * 64, 20)
CONSTRAINTS = InterpreterConstraints(["CPython==3.12.*"])


def fetch(size: int | None) -> tuple[VerifiedFile, DownloadRequest]:
    """Run the rule; return its result, and what it downloaded."""
    seen: list[DownloadRequest] = []

    def run(request: DownloadRequest) -> VerifiedFile:
        seen.append(request)
        return VerifiedFile(DOWNLOADED, request.filename)

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
        ],
        mock_gets=[
            MockGet(output_type=VerifiedFile, input_types=(DownloadRequest,), mock=run),
        ],
    )
    (request,) = seen
    return sdist, request


@pytest.mark.parametrize(("size", "arguments"), [(None, ()), (7, ("--size=7",))])
def test_the_process(size: int | None, arguments: tuple[str, ...]) -> None:
    sdist, request = fetch(size)
    assert sdist == VerifiedFile(DOWNLOADED, "tiny-1.0.tar.gz")
    assert request.argv == (
        "--project=tiny",
        "--version=1.0",
        f"--sha256={'0' * 64}",
        *arguments,
    )
    assert request.python == CONSTRAINTS
    assert request.filename == "tiny-1.0.tar.gz"
    assert request.wanted_by == "target 3rdparty/tiny:wheel"
