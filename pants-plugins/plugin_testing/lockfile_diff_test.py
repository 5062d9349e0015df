"""`pants generate-lockfiles` says what changed, of lockfiles as ours are: without any host in them.

Pants reads them with code of its own for that, which knows neither our pex nor our addresses.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import pytest
from pants.backend.python.util_rules import pex_requirements
from pants.backend.python.util_rules.lockfile_diff import _generate_python_lockfile_diff
from pants.core.goals.generate_lockfiles import LockfileDiff, LockfileDiffPrinter
from pants.engine.console import Console
from pants.engine.fs import CreateDigest, Digest, FileContent
from pants.engine.rules import Get, rule
from pants.option.config import Config
from pants.testutil.rule_runner import QueryRule, RuleRunner

PATH = "3rdparty/prod.lock"


@dataclass(frozen=True)
class NewLockfile:
    content: bytes


@rule
async def compare(new: NewLockfile) -> LockfileDiff:
    digest = await Get(Digest, CreateDigest([FileContent(PATH, new.content)]))
    return await _generate_python_lockfile_diff(digest, "prod", PATH)


def printed(old: str, new: str) -> str:
    """What is printed when `old` is replaced, without colours."""
    runner = RuleRunner(
        rules=[*pex_requirements.rules(), compare, QueryRule(LockfileDiff, [NewLockfile])]
    )
    runner.write_files({PATH: old})
    diff = runner.request(LockfileDiff, [NewLockfile(new.encode())])
    text = io.StringIO()
    console = Console(stderr=text, use_colors=False)
    LockfileDiffPrinter(console=console, color=False, include_unchanged=False).print(diff)
    return text.getvalue()


@pytest.fixture
def lockfile() -> str:
    return Path(PATH).read_text()


def test_it_is_asked_for() -> None:
    config = Config.load([FileContent("pants.toml", Path("pants.toml").read_bytes())])
    (values,) = config.values
    assert values.section_to_values["generate-lockfiles"]["diff"] is True


def test_what_changed(lockfile: str) -> None:
    name = '"project_name": "fastapi",'
    assert lockfile.count(name) == 1
    start, version = lockfile.split(name)
    old = start + name + version.replace('"version": "', '"version": "0.1.', 1)
    text = printed(old, lockfile)
    assert f"Lockfile diff: {PATH} [prod]" in text
    assert "Upgraded dependencies" in text
    assert " fastapi  " in text
    assert "-->" in text
    assert "uvicorn" not in text
    assert "Downgraded dependencies" in printed(lockfile, old)


def test_what_came_and_went(lockfile: str) -> None:
    other = lockfile.replace('"project_name": "fastapi"', '"project_name": "slowapi"')
    text = printed(lockfile, other)
    added, removed = text.split("Removed dependencies")
    assert "Added dependencies" in added
    assert "  slowapi " in added
    assert "  fastapi " in removed


def test_nothing_changed(lockfile: str) -> None:
    assert printed(lockfile, lockfile) == ""
