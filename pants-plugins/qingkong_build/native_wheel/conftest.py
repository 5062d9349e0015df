from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pants.testutil.rule_runner import RuleRunner

from plugin_testing.native_wheels import build, repository_with
from plugin_testing.real_pants import CountingCompiler
from plugin_testing.tiny_packages import serve_index


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A package index with the packages of `tiny_packages`, on this machine."""
    with serve_index(tmp_path_factory.mktemp("index")) as address:
        yield address


@pytest.fixture(scope="module")
def repository(index: str) -> RuleRunner:
    return repository_with(index)


@pytest.fixture(scope="module")
def wheel(repository: RuleRunner) -> tuple[str, bytes]:
    return build(repository, "tiny-ext", "native/one")


@pytest.fixture
def compiler(tmp_path: Path) -> CountingCompiler:
    return CountingCompiler(tmp_path / "compiler")
