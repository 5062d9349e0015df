"""Nothing of the caller is in the key of cached work: what one user built, another does not.

Every value below has a token of this run in it where that is possible, so that no earlier run of
this test can have left a result under the same key.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from incremental.conftest import TARGET, on_base
from incremental.elsewhere import elsewhere, rewrite
from incremental.layouts import Layout

from measuring.clone import Clone, clone, processes
from measuring.commands import Done, run

WHEEL = "3rdparty/asyncmy:wheel"

# What looks at the machine, and so runs once for each daemon, whoever starts it. Milliseconds each.
# docs/shared-cache.md lists them.
_LOOKS_AT_MACHINE = re.compile(
    r"Searching for `\S+` on PATH=\S+"
    r"|Test binary \S+"
    r"|Ask \S+ for its version"
    r"|List the Python interpreters of the search path"
)
_SPAWNED = re.compile(r"spawned local process as .*$", re.MULTILINE)


@dataclass(frozen=True)
class Spawned:
    """A process that Pants ran rather than remembered."""

    description: str
    scope: str


def spawned(done: Done) -> list[Spawned]:
    """The processes that a command with `-ldebug` ran."""
    found = []
    for line in _SPAWNED.findall(done.errors):
        description = re.search(r', description: "((?:[^"\\]|\\.)*)", level: ', line)
        scope = re.search(r", cache_scope: (\w+), ", line)
        assert description is not None, line
        assert scope is not None, line
        found.append(Spawned(description[1], scope[1]))
    # The log has all of them.
    assert len(found) == processes(done)
    return found


def of_launcher(tree: Clone, name: str) -> str:
    """A variable that the launcher has for Pants."""
    script = f'source ./.pants.bootstrap --version >&2; printf %s "${name}"'
    return run(["bash", "-euo", "pipefail", "-c", script], tree.root, tree.variables).output


def certificates() -> Path:
    named = os.environ.get("SSL_CERT_FILE") or ssl.get_default_verify_paths().cafile
    found = Path(named or "/etc/ssl/certs/ca-certificates.crt")
    assert found.is_file()
    return found


def link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def set_up_again(state: Path, target: Path) -> None:
    """What the launcher set up, in another place and without what it remembers."""
    target.mkdir()
    for part in state.iterdir():
        if part.name.startswith("pants-") or part.name in ("tools", "indexes"):
            shutil.copytree(part, target / part.name, symlinks=True, copy_function=link_or_copy)


@pytest.fixture
def other_caller(tree: Clone, base: str, tmp_path: Path) -> Iterator[Clone]:
    """Another user's clone, who shares nothing with the first but the store of results."""
    token = secrets.token_hex(4)
    folder = tmp_path / f"someone-{token}"
    home = folder / "home"
    home.mkdir(parents=True)
    made = on_base(clone(Path.cwd(), folder / "clone"), base)
    rewrite(made.root)
    pythons = re.findall(r'"([^"]+)"', of_launcher(tree, "PANTS_PYTHON_BOOTSTRAP_SEARCH_PATH"))
    python312, python39 = pythons
    server = Path(of_launcher(tree, "launcher_server"))
    set_up_again(server.parents[2], folder / "state")
    bundle = folder / "certificates.pem"
    shutil.copyfile(certificates(), bundle)
    (folder / "bin").mkdir()
    (folder / "tmp").mkdir()
    path = made.variables["PATH"].split(os.pathsep)
    settings = Path(made.variables["HOME"], ".config", "pip", "pip.conf")
    if settings.exists():
        made.variables.setdefault("PIP_CONFIG_FILE", str(settings))
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_DIR", "XDG_CACHE_HOME"):
        made.variables.pop(name, None)
    made.variables.update(
        HOME=str(home),
        LANG=f"xx_{token}.UTF-8",
        LC_ALL=f"yy_{token}.ISO-8859-1",
        TZ=f"XYZ{int(token, 16) % 12}",
        USER=token,
        LOGNAME=token,
        TERM=f"term-{token}",
        CI=token,
        TMPDIR=str(folder / "tmp"),
        SSL_CERT_FILE=str(bundle),
        PIP_CERT=str(bundle),
        PATH=os.pathsep.join([str(folder / "bin"), *reversed(path)]),
        CPPFLAGS=f"-DTOKEN={token}",
        LDFLAGS=f"-L/{token}",
        PYTHONHASHSEED="4711",
        # The order of PATH may bring other interpreters, whose work is other work.
        PANTS_PYTHON39=python39,
        PANTS_PYTHON312=python312,
        QINGKONG_BUILD_CACHE=str(folder / "state"),
        PANTS_LOCAL_STORE_DIR=of_launcher(tree, "PANTS_LOCAL_STORE_DIR"),
        PANTS_NAMED_CACHES_DIR=str(folder / "named-caches"),
        PANTS_LOCAL_EXECUTION_ROOT_DIR=str(folder / "tmp"),
    )
    yield made
    shutil.rmtree(folder, ignore_errors=True)


def test_another_caller_runs_no_process_again(
    tree: Clone, built: Layout, other_caller: Clone, tmp_path: Path
) -> None:
    tree.pants("package", WHEEL)
    words = ["./pants", "--no-pantsd", "--no-dynamic-ui", "--stats-log", "-ldebug", "package"]
    done = run(
        [*elsewhere(tmp_path), *words, TARGET, WHEEL], other_caller.root, other_caller.variables
    )
    ran = spawned(done)
    # It is another Pants, which had to look at its machine.
    assert any(each.description.startswith("List the Python interpreters") for each in ran)
    again = [each for each in ran if not _LOOKS_AT_MACHINE.fullmatch(each.description.rstrip("."))]
    assert again == []
    assert {each.scope for each in ran} <= {"PerRestartSuccessful", "PerRestartAlways"}
    assert Layout.read(other_caller.root).manifest == built.manifest
