"""Runs a script that downloads, in a sandbox."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from pants.backend.python import target_types_rules
from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.core.util_rules import environments
from pants.engine.fs import Digest, DigestContents, FileContent
from pants.engine.internals.scheduler import ExecutionError
from pants.testutil.rule_runner import QueryRule, RuleRunner

from plugin_testing import machine
from sandbox_script.script import Script
from verified_download import rules
from verified_download.rules import DOWNLOAD, DownloadRequest, VerifiedFile

SOURCE = """\
import os, sys
from download import FetchError, read, save
url, out = sys.argv[1], sys.argv[2].removeprefix("--out=")
def fetch():
    try:
        return read(url).content + os.environ["SSL_CERT_FILE"].encode()
    except ValueError as error:
        raise FetchError(str(error))
sys.exit(save("little", out, fetch))
"""


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RuleRunner:
    runner = RuleRunner(
        rules=[
            *rules.rules(),
            *environments.rules(),
            *target_types_rules.rules(),
            QueryRule(VerifiedFile, [DownloadRequest]),
            QueryRule(DigestContents, [Digest]),
        ]
    )
    (tmp_path / "little_download" / "scripts").mkdir(parents=True)
    (tmp_path / "little_download" / "__init__.py").touch()
    (tmp_path / "little_download" / "scripts" / "get.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    sys.modules.pop("little_download", None)
    machine.set_options(
        runner,
        ["--python-interpreter-constraints=['CPython==3.12.*']"],
        # The machine's, as Pants itself is given them.
        env={"SSL_CERT_FILE": ", with certificates", "OTHER": "not for downloads"},
    )
    return runner


def get(runner: RuleRunner, url: str) -> VerifiedFile:
    request = DownloadRequest(
        Script("little_download", "get", uses=(DOWNLOAD,)),
        (url,),
        "tiny-1.0.tar.gz",
        "Download it",
        InterpreterConstraints(["CPython==3.12.*"]),
    )
    return runner.request(VerifiedFile, [request])


def test_a_file(repository: RuleRunner, tmp_path: Path) -> None:
    (tmp_path / "served").write_bytes(b"content")
    found = get(repository, (tmp_path / "served").as_uri())
    assert found.filename == "tiny-1.0.tar.gz"
    assert repository.request(DigestContents, [found.digest]) == DigestContents(
        [FileContent("tiny-1.0.tar.gz", b"content, with certificates")]
    )


def test_an_error(repository: RuleRunner) -> None:
    with pytest.raises(ExecutionError) as error:
        get(repository, "nothing")
    assert "Process 'Download it' failed with exit code 1" in str(error.value)
    assert "little: unknown url type: 'nothing'" in str(error.value)
