"""Addresses of files, by the rule of Pants that every tool is downloaded with."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from pants.engine.fs import Digest, DigestContents, DownloadFile, FileDigest
from pants.testutil.rule_runner import QueryRule, RuleRunner, engine_error

from qingkong_build.file_url import rules as file_url_rules

CONTENT = b"a tool"


@pytest.fixture
def rule_runner() -> RuleRunner:
    return RuleRunner(rules=[*file_url_rules.rules(), QueryRule(Digest, [DownloadFile])])


def request(path: Path, content: bytes = CONTENT) -> DownloadFile:
    digest = FileDigest(hashlib.sha256(content).hexdigest(), len(content))
    return DownloadFile(path.as_uri(), digest)


@pytest.mark.parametrize("folder", ["plain", "a home", "Übung 克隆", "100%", "a#b?c"])
def test_a_file_is_found_whatever_its_path(
    rule_runner: RuleRunner, tmp_path: Path, folder: str
) -> None:
    path = tmp_path / folder / "tool"
    path.parent.mkdir()
    path.write_bytes(CONTENT)
    digest = rule_runner.request(Digest, [request(path)])
    [file] = rule_runner.request(DigestContents, [digest])
    assert (file.path, file.content) == ("tool", CONTENT)


def test_another_content_is_refused(rule_runner: RuleRunner, tmp_path: Path) -> None:
    path = tmp_path / "a tool"
    path.write_bytes(b"something else")
    with engine_error(
        contains=f"{path} has sha256={hashlib.sha256(b'something else').hexdigest()}"
    ):
        rule_runner.request(Digest, [request(path)])


def test_a_missing_file_is_named(rule_runner: RuleRunner, tmp_path: Path) -> None:
    with engine_error(contains=f"{tmp_path / 'a tool'}: No such file or directory. Fix: "):
        rule_runner.request(Digest, [request(tmp_path / "a tool")])
