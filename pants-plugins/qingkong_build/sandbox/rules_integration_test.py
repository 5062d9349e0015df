"""Runs the programs of a plugin that is written for it, as sandboxes do."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pants.backend.python import target_types_rules
from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.backend.python.util_rules.pex import PexRequest, VenvPex
from pants.backend.python.util_rules.pex_requirements import PexRequirements
from pants.core.util_rules import environments
from pants.engine.fs import CreateDigest, Digest, DigestContents, FileContent
from pants.engine.internals.scheduler import ExecutionError
from pants.engine.process import Process, ProcessCacheScope, ProcessResult
from pants.testutil.rule_runner import QueryRule, RuleRunner
from pants.util.frozendict import FrozenDict
from pants.util.logging import LogLevel

from plugin_testing import machine
from qingkong_build.sandbox import rules
from qingkong_build.sandbox.rules import PexScriptRequest, ScriptRequest
from qingkong_build.sandbox.script import Script

PYTHON = InterpreterConstraints(["CPython==3.12.*"])
LOOK = """\
import json, os, sys, helper, shared_helper
print(json.dumps({
    "argv": sys.argv[1:],
    "flags": [sys.flags.no_site, sys.flags.no_user_site, sys.flags.dont_write_bytecode],
    "helpers": [helper.NAME, shared_helper.NAME],
    "variables": {name: os.environ.get(name) for name in ("COLOUR", "HOME")},
    "files": sorted(name for name in os.listdir() if not name.startswith(".")),
}))
"""
WRITE = """\
import os
os.makedirs("tree/deep")
for name in ("one", "other", "tree/deep/file"):
    open(name, "w").write(name)
"""
LOOK_SCRIPT = Script("little", "look", ("helper",), uses=(Script("other_little", "shared_helper"),))


@pytest.fixture(scope="module")
def repository() -> RuleRunner:
    runner = RuleRunner(
        rules=[
            *rules.rules(),
            *environments.rules(),
            *target_types_rules.rules(),
            QueryRule(Process, [ScriptRequest]),
            QueryRule(ProcessResult, [ScriptRequest]),
            QueryRule(ProcessResult, [PexScriptRequest]),
            QueryRule(VenvPex, [PexRequest]),
        ]
    )
    machine.set_options(runner, ["--python-interpreter-constraints=['CPython==3.12.*']"])
    return runner


@pytest.fixture(autouse=True)
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for plugin, name, source in (
        ("little", "look", LOOK),
        ("little", "helper", "NAME = 'mine'"),
        ("little", "write", WRITE),
        ("little", "import_more", "import more; print(more.NAME)"),
        ("little", "fail", "import sys; sys.exit('little: what, where, the fix')"),
        ("other_little", "shared_helper", "NAME = 'of another plugin'"),
    ):
        scripts = tmp_path / plugin / "scripts"
        scripts.mkdir(parents=True, exist_ok=True)
        (tmp_path / plugin / "__init__.py").touch()
        (scripts / f"{name}.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    yield
    # Each test has them in a directory of its own.
    for plugin in ("little", "other_little"):
        sys.modules.pop(plugin, None)


def digest_of(runner: RuleRunner, files: dict[str, str]) -> Digest:
    contents = [FileContent(path, text.encode()) for path, text in files.items()]
    return runner.request(Digest, [CreateDigest(contents)])


def test_what_a_script_sees(repository: RuleRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/nowhere")
    request = ScriptRequest(
        LOOK_SCRIPT,
        ("--one", "two"),
        "Look around",
        PYTHON,
        files=(FileContent("made.json", b"{}"),),
        # What would be imported in place of the standard library's from beside the scripts.
        digest=digest_of(repository, {"json.py": "raise ImportError", "given": ""}),
        shared=FrozenDict({"large": digest_of(repository, {"file": "x"})}),
        env=FrozenDict({"COLOUR": "red"}),
    )
    seen = json.loads(repository.request(ProcessResult, [request]).stdout)
    assert seen == {
        "argv": ["--one", "two"],
        "flags": [1, 1, 1],
        "helpers": ["mine", "of another plugin"],
        "variables": {"COLOUR": "red", "HOME": None},
        "files": ["_scripts", "given", "json.py", "large", "made.json"],
    }


def test_what_it_may_import_beside_the_standard_library(repository: RuleRunner) -> None:
    request = ScriptRequest(
        Script("little", "import_more"),
        (),
        "Import",
        PYTHON,
        path=("first", "second"),
        digest=digest_of(repository, {"second/more.py": "NAME = 'found'"}),
    )
    assert repository.request(ProcessResult, [request]).stdout == b"found\n"


def test_what_it_writes(repository: RuleRunner) -> None:
    request = ScriptRequest(
        Script("little", "write"),
        (),
        "Write",
        PYTHON,
        output_files=("one",),
        output_directories=("tree",),
    )
    written = repository.request(ProcessResult, [request]).output_digest
    files = repository.request(DigestContents, [written])
    assert {file.path: file.content for file in files} == {
        "one": b"one",
        "tree/deep/file": b"tree/deep/file",
    }


def test_an_error_is_told(repository: RuleRunner) -> None:
    request = ScriptRequest(Script("little", "fail"), (), "Fail", PYTHON)
    with pytest.raises(ExecutionError) as error:
        repository.request(ProcessResult, [request])
    assert "Process 'Fail' failed with exit code 1" in str(error.value)
    assert "little: what, where, the fix" in str(error.value)


def test_what_pants_is_told(repository: RuleRunner) -> None:
    request = ScriptRequest(
        Script("little", "write"),
        (),
        "Write",
        PYTHON,
        level=LogLevel.DEBUG,
        cache_scope=ProcessCacheScope.PER_SESSION,
    )
    process = repository.request(Process, [request])
    assert (process.description, process.level) == ("Write", LogLevel.DEBUG)
    assert process.cache_scope is ProcessCacheScope.PER_SESSION
    # Described otherwise, it is the same process: nothing runs for new words.
    other = dataclasses.replace(request, description="Write it", level=LogLevel.INFO)
    assert other == request


def test_requirements(repository: RuleRunner) -> None:
    pex = repository.request(
        VenvPex,
        [
            PexRequest(
                output_filename="none.pex",
                internal_only=True,
                requirements=PexRequirements(),
                interpreter_constraints=PYTHON,
            )
        ],
    )
    request = PexScriptRequest(
        LOOK_SCRIPT,
        ("--one",),
        "Look around",
        pex,
        files=(FileContent("made.json", b"{}"),),
        digest=digest_of(repository, {"given": ""}),
    )
    seen = json.loads(repository.request(ProcessResult, [request]).stdout)
    assert seen["argv"] == ["--one"]
    assert seen["helpers"] == ["mine", "of another plugin"]
    assert {"_scripts", "given", "made.json"} <= set(seen["files"])


def test_a_script_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=f"{tmp_path}/little/scripts/nothing.py"):
        Script("little", "nothing").files()


def test_files_without_a_folder() -> None:
    assert [file.path for file in LOOK_SCRIPT.files("")] == [
        "look.py",
        "helper.py",
        "shared_helper.py",
    ]
