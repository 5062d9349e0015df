"""Reviews this repository's lockfiles in a small one of git, with the real pip-audit."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from pants.backend.python import target_types_rules
from pants.backend.python.goals import lockfile
from pants.backend.python.target_types import PythonRequirementTarget
from pants.core.target_types import LockfilesGeneratorTarget, LockfileTarget
from pants.core.util_rules import environments
from pants.engine.goal import Goal
from pants.engine.internals.parametrize import Parametrize
from pants.engine.internals.scheduler import ExecutionError
from pants.testutil.rule_runner import GoalRuleResult, RuleRunner
from pants.util.contextutil import pushd

from plugin_testing import machine
from qingkong_build.lock_review import register
from qingkong_build.lock_review.goal import ReviewLockfiles
from qingkong_build.lock_review.sync import SyncLockfiles

CLOSED = "http://127.0.0.1:9/"
BUILD = """
python_requirement(name="click", requirements=["click<9,>=8"], resolve="prod")
python_requirement(name="pip-audit", requirements=["pip-audit"], resolve="audit")
"""
NEW = "prometheus-client"
RESOLVES = {"prod": "prod.lock", "audit": "audit.lock"}


def without(text: str, project: str) -> str:
    """A lockfile before `project` was required."""
    body = "\n".join(line for line in text.splitlines() if not line.startswith("//"))
    document: dict[str, Any] = json.loads(body)
    document["requirements"] = [x for x in document["requirements"] if not x.startswith(project)]
    (resolve,) = document["locked_resolves"]
    resolve["locked_requirements"] = [
        one
        for one in resolve["locked_requirements"]
        if one["project_name"].replace("_", "-") != project
    ]
    return json.dumps(document)


def git(root: str, *words: str) -> None:
    who = ("-c", "user.name=x", "-c", "user.email=x@example.com")
    subprocess.run(["git", "-C", root, *who, *words], check=True, capture_output=True)


@pytest.fixture(scope="module")
def repository() -> RuleRunner:
    runner = RuleRunner(
        rules=[
            *environments.rules(),
            *lockfile.rules(),
            *register.rules(),
            *target_types_rules.rules(),
        ],
        target_types=[LockfileTarget, LockfilesGeneratorTarget, PythonRequirementTarget],
        objects={"parametrize": Parametrize},
    )
    locks = {name: Path("3rdparty", name).read_text() for name in RESOLVES.values()}
    old = {**locks, "prod.lock": without(locks["prod.lock"], NEW)}
    runner.write_files({**old, "BUILD": BUILD})
    git(runner.build_root, "init", "--quiet", "--initial-branch=main")
    git(runner.build_root, "add", *old, "BUILD")
    git(runner.build_root, "commit", "--quiet", "--message=old")
    # What somebody else has committed on a branch.
    git(runner.build_root, "checkout", "--quiet", "-b", "branch")
    runner.write_files(locks)
    git(runner.build_root, "commit", "--quiet", "--all", "--message=new")
    return runner


def run(runner: RuleRunner, goal: type[Goal], *args: str, database: str = CLOSED) -> GoalRuleResult:
    options = [
        *machine.pex_options(),
        "--python-enable-resolves",
        f"--python-resolves={RESOLVES}",
        "--python-default-resolve=prod",
        "--python-interpreter-constraints=['CPython==3.12.*']",
        "--production-closure-resolves=['prod']",
        "--pip-audit-install-from-resolve=audit",
        "--pip-audit-requirements=['pip-audit']",
        f"--pip-audit-args=--vulnerability-service=osv --osv-url={database}",
    ]
    # Where Pants runs, which is where git looks.
    with pushd(runner.build_root):
        return runner.run_goal_rule(
            goal,
            global_args=options,
            args=args,
            env=machine.certificates(),
            env_inherit=set(machine.MACHINE_ENV),
        )


def review(
    runner: RuleRunner,
    *args: str,
    database: str = CLOSED,
    licenses: str = "['Apache-2.0', 'BSD-2-Clause']",
) -> GoalRuleResult:
    return run(runner, ReviewLockfiles, f"--licenses={licenses}", *args, database=database)


@contextmanager
def known_to_be(vulnerable: str) -> Iterator[str]:
    """One that speaks as OSV does; yields its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            name = asked["package"]["name"]
            package = {"name": name, "ecosystem": "PyPI"}
            fixed = {"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "99.1"}]}
            known = {"id": "PYSEC-1", "affected": [{"package": package, "ranges": [fixed]}]}
            answer = json.dumps({"vulns": [known]} if name == vulnerable else {}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()


def test_a_branch_with_a_new_requirement(repository: RuleRunner) -> None:
    result = review(repository, "--since=main")
    assert result.exit_code == 0, result.stdout
    assert "prod (prod.lock): 1 added" in result.stdout
    assert "Images of prod (linux/amd64): 1 of " in result.stdout
    (row,) = (x for x in result.stdout.splitlines() if x.startswith(f"  {NEW}"))
    assert " kB " in row
    assert row.endswith("  Apache-2.0 AND BSD-2-Clause")
    assert "not looked for: " in result.stdout
    assert "audit.lock" not in result.stdout


def test_a_license_that_is_not_allowed(repository: RuleRunner) -> None:
    result = review(repository, "--since=main", licenses="['MIT']")
    assert result.exit_code == 2
    assert f"license of {NEW} " in result.stdout


def test_known_vulnerabilities(repository: RuleRunner) -> None:
    with known_to_be(NEW) as address:
        result = review(repository, "--since=main", database=address)
    assert result.exit_code == 2
    assert f"known vulnerability of {NEW} " in result.stdout
    assert f"PYSEC-1. Fix: require {NEW}>=99.1" in result.stdout
    with known_to_be("none") as address:
        result = review(repository, "--since=main", database=address)
    assert result.exit_code == 0
    assert "Known vulnerabilities: 0 in " in result.stdout


def test_nothing_changed(repository: RuleRunner) -> None:
    result = review(repository)
    assert result.stdout.startswith("No lockfile differs from HEAD (")
    assert result.exit_code == 0


def test_lockfiles_that_are_out_of_date(repository: RuleRunner) -> None:
    # The targets here ask for less than the lockfiles were made from.
    result = run(repository, SyncLockfiles, "--check")
    assert result.exit_code == 1
    for part in ("prod.lock, audit.lock: ", "Fix: ", "sync-lockfiles"):
        assert part in result.stderr
    only = run(repository, SyncLockfiles, "--check", "--resolve=audit")
    assert "prod.lock" not in only.stderr


def test_a_resolve_that_is_missing(repository: RuleRunner) -> None:
    with pytest.raises(ExecutionError, match="--resolve=nothing: .*Fix: name one of audit, prod"):
        run(repository, SyncLockfiles, "--resolve=nothing")


def test_a_commit_that_is_missing(repository: RuleRunner) -> None:
    with pytest.raises(ExecutionError, match=r"--since=nowhere: .*Fix: "):
        review(repository, "--since=nowhere")
