from __future__ import annotations

from typing import Any, cast

import pytest
from pants.core.util_rules.system_binaries import (
    BinaryPath,
    BinaryPathRequest,
    BinaryPaths,
    BinaryPathTest,
    SearchPath,
)
from pants.engine.fs import EMPTY_DIGEST, EMPTY_FILE_DIGEST
from pants.engine.process import Process, ProcessCacheScope, ProcessResult
from pants.testutil.option_util import create_subsystem
from pants.testutil.rule_runner import MockGet, run_rule_with_mocks

from qingkong_build.native_wheel.compiler import (
    Compiler,
    CompilerNotFound,
    CompilerRequest,
    NativeWheelSubsystem,
    find_compiler,
)


def find(
    *installed: str, platform: str | None = None
) -> tuple[Compiler, list[BinaryPathRequest], list[Process]]:
    """Run the rule on a machine with these compilers in /usr/bin."""
    requests: list[BinaryPathRequest] = []
    processes: list[Process] = []

    def paths(request: BinaryPathRequest) -> BinaryPaths:
        requests.append(request)
        name = request.binary_name
        found = [BinaryPath(f"/usr/bin/{name}")] if name in installed else []
        return BinaryPaths(name, found)

    def run(process: Process) -> ProcessResult:
        processes.append(process)
        return ProcessResult(
            b"cc (Debian 12.2.0-14) 12.2.0\nCopyright\n",
            EMPTY_FILE_DIGEST,
            b"",
            EMPTY_FILE_DIGEST,
            EMPTY_DIGEST,
            metadata=cast(Any, None),
        )

    compiler = run_rule_with_mocks(
        find_compiler,
        rule_args=[
            CompilerRequest(platform),
            create_subsystem(
                NativeWheelSubsystem,
                compilers=["gcc", "cc", "clang"],
                cross_compilers={"linux/arm64": "aarch64-linux-gnu-gcc"},
                search_path=["/usr/bin", "/bin"],
            ),
        ],
        mock_gets=[
            MockGet(output_type=BinaryPaths, input_types=(BinaryPathRequest,), mock=paths),
            MockGet(output_type=ProcessResult, input_types=(Process,), mock=run),
        ],
    )
    return compiler, requests, processes


def test_the_first_that_is_found() -> None:
    compiler, requests, processes = find("clang", "cc")
    assert compiler == Compiler("/usr/bin/cc", "cc (Debian 12.2.0-14) 12.2.0")
    assert requests == [
        BinaryPathRequest(
            binary_name=name,
            search_path=SearchPath(["/usr/bin", "/bin"]),
            test=BinaryPathTest(args=["--version"]),
        )
        for name in ("gcc", "cc")
    ]
    (process,) = processes
    assert process.argv == ("/usr/bin/cc", "--version")
    # A new compiler under the same path must not be hidden by a cached answer.
    assert process.cache_scope == ProcessCacheScope.PER_RESTART_SUCCESSFUL


def test_none() -> None:
    with pytest.raises(CompilerNotFound) as error:
        find()
    message = str(error.value)
    assert "looked for gcc, cc, clang in /usr/bin, /bin" in message
    assert "[native-wheels].compilers" in message
    assert "apt-get install gcc libc6-dev" in message


def test_a_cross_compiler_by_platform() -> None:
    compiler, requests, _ = find("gcc", "aarch64-linux-gnu-gcc", platform="linux/arm64")
    assert compiler.path == "/usr/bin/aarch64-linux-gnu-gcc"
    assert [each.binary_name for each in requests] == ["aarch64-linux-gnu-gcc"]


@pytest.mark.parametrize(
    ("platform", "messages"),
    [
        (
            "linux/arm64",
            (
                "No C compiler for linux/arm64 was found: looked for aarch64-linux-gnu-gcc in",
                "apt-get install gcc-aarch64-linux-gnu",
            ),
        ),
        ("linux/amd64", ("names no C compiler for linux/amd64, only for linux/arm64",)),
    ],
)
def test_no_cross_compiler(platform: str, messages: tuple[str, ...]) -> None:
    with pytest.raises(CompilerNotFound) as error:
        find("gcc", platform=platform)
    for message in messages:
        assert message in str(error.value)
