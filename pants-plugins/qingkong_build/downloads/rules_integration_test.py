"""Downloads in a sandbox: what is checked, what is shared, and what no one gets to see."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import stat
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from pants.backend.python import target_types_rules
from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.core.util_rules import environments
from pants.engine.fs import Digest, DigestContents
from pants.engine.internals.scheduler import ExecutionError
from pants.engine.process import Process, ProcessResult
from pants.option.global_options import NamedCachesDirOption
from pants.testutil.rule_runner import QueryRule, RuleRunner

from plugin_testing import machine
from qingkong_build.downloads import network, rules
from qingkong_build.downloads.network import NetworkAccess
from qingkong_build.downloads.rules import FETCH, DownloadRequest, VerifiedFile
from qingkong_build.sandbox.rules import ScriptRequest

PYTHON = InterpreterConstraints(["CPython==3.12.*"])
PASSWORD = "a-secret-of-the-index"


class Index(ThreadingHTTPServer):
    """Gives one file to who knows the password."""

    content = b""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str] = []

    def url(self, credentials: str = "") -> str:
        return f"//{credentials}127.0.0.1:{self.server_port}/packages"


class Handler(BaseHTTPRequestHandler):
    server: Index

    def do_GET(self) -> None:
        said = self.headers.get("Authorization", "")
        self.server.asked.append(said)
        is_known = said == f"Basic {base64.b64encode(f'me:{PASSWORD}'.encode()).decode()}"
        self.send_response(200 if is_known else 401)
        self.send_header("WWW-Authenticate", 'Basic realm="index"')
        body = self.server.content if is_known else b""
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def index(content: bytes) -> Iterator[Index]:
    with Index() as server:
        server.content = content
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def content() -> bytes:
    """Of a file that no store has yet."""
    return os.urandom(32)


def repository(*args: str, env: Mapping[str, str] = {}) -> RuleRunner:
    runner = RuleRunner(
        rules=[
            *rules.rules(),
            *environments.rules(),
            *target_types_rules.rules(),
            QueryRule(VerifiedFile, [DownloadRequest]),
            QueryRule(DigestContents, [Digest]),
            QueryRule(NetworkAccess, []),
            QueryRule(NamedCachesDirOption, []),
            QueryRule(Process, [ScriptRequest]),
            QueryRule(ProcessResult, [Process]),
        ]
    )
    machine.set_options(
        runner, ["--python-interpreter-constraints=['CPython==3.12.*']", *args], env=env
    )
    return runner


def get(runner: RuleRunner, sha256: str) -> VerifiedFile:
    request = DownloadRequest(
        ("--url=http:${FILES}/tiny-1.0.tar.gz", f"--sha256={sha256}"),
        "tiny-1.0.tar.gz",
        "3rdparty/tiny.lock",
        PYTHON,
    )
    return runner.request(VerifiedFile, [request])


def mapping(path: str) -> str:
    return f"--python-repos-path-mappings=['FILES|{path}']"


def test_the_ways_to_a_password(tmp_path: Path) -> None:
    with index(b"") as server:
        netrc = tmp_path / ".netrc"
        netrc.write_text(f"machine 127.0.0.1 login me password {PASSWORD}\n")
        private = f"http:{server.url(f'me:{PASSWORD}@')}"
        ways: list[tuple[list[str], dict[str, str]]] = [
            ([mapping(server.url(f"me:{PASSWORD}@"))], {}),
            ([mapping(server.url()), f"--python-repos-indexes=['{private}']"], {}),
            ([mapping(server.url())], {"PIP_INDEX_URL": private}),
            ([mapping(server.url())], {"HOME": str(tmp_path)}),
            ([mapping(server.url())], {"HOME": "/", "NETRC": str(netrc)}),
        ]
        for number, (args, env) in enumerate(ways):
            # Another file each time, which no cache has.
            server.content = os.urandom(32)
            sha256 = hashlib.sha256(server.content).hexdigest()
            found = get(repository(*args, env={"HOME": "/", **env}), sha256)
            assert found.filename == "tiny-1.0.tar.gz"
            assert len(server.asked) == number + 1


def test_what_is_shared_by_those_who_ask_for_one_file(content: bytes, tmp_path: Path) -> None:
    """Another mirror, home, certificate and proxy: the file is the same, and comes once.

    (`SSL_CERT_FILE` is missing: Pants has it in the keys of its own processes.)
    """
    sha256 = hashlib.sha256(content).hexdigest()
    with index(content) as server:
        first = repository(mapping(server.url(f"me:{PASSWORD}@")))
        digest = get(first, sha256).digest
        (file,) = first.request(DigestContents, [digest])
        assert (file.path, file.content) == ("tiny-1.0.tar.gz", content)
        other = repository(
            mapping("//mirror.invalid"),
            env={
                "HOME": str(tmp_path),
                "HTTPS_PROXY": "http://127.0.0.1:9",
                "REQUESTS_CA_BUNDLE": "/none",
                "NETRC": "/none",
            },
        )
        assert get(other, sha256).digest == digest
        assert len(server.asked) == 1


def test_no_password_in_what_a_process_is(content: bytes) -> None:
    with index(content) as server:
        runner = repository(
            mapping(server.url(f"me:{PASSWORD}@")),
            f"--python-repos-indexes=['http:{server.url(f'me:{PASSWORD}@')}']",
            env={"PIP_INDEX_URL": f"http://me:{PASSWORD}@127.0.0.1/", "HOME": "/home/of-somebody"},
        )
        access = runner.request(NetworkAccess, [])
        request = ScriptRequest(FETCH, ("--sha256=x",), "Download", PYTHON, caches=access.caches)
        process = runner.request(Process, [request])
        described = repr(process)
        for private in (PASSWORD, "127.0.0.1", "of-somebody"):
            assert private not in described
        assert not process.env


def test_settings_are_for_this_user_and_this_time(tmp_path: Path) -> None:
    runner = repository(
        mapping(f"//me:{PASSWORD}@files.example"), env={"XDG_RUNTIME_DIR": str(tmp_path)}
    )
    (name, folder), *_ = runner.request(NetworkAccess, []).caches.items()
    assert folder == network.FOLDER
    cache = Path(runner.request(NamedCachesDirOption, []).val, name)
    # Named caches are kept by CI and copied to other machines.
    (pointer,) = cache.iterdir()
    assert PASSWORD not in pointer.read_text()
    settings = Path(pointer.read_text())
    assert PASSWORD in settings.read_text()
    assert stat.S_IMODE(settings.stat().st_mode) == 0o600
    assert stat.S_IMODE(settings.parent.stat().st_mode) == 0o700


def test_a_new_session_has_new_settings_and_the_same_process() -> None:
    runner = repository(mapping("//old.example"))
    before = runner.request(NetworkAccess, [])
    machine.set_options(runner, [mapping("//new.example")], env={"HOME": "/other"})
    after = runner.request(NetworkAccess, [])
    assert before == after
    (name,) = after.caches
    pointer = Path(runner.request(NamedCachesDirOption, []).val, name, network.POINTER)
    settings = json.loads(Path(pointer.read_text()).read_text())
    assert settings["path_mappings"] == ["FILES|//new.example"]
    assert settings["environment"]["HOME"] == "/other"


def test_a_named_cache_is_no_part_of_a_key() -> None:
    """All of this rests on it. Pants does not promise it."""
    runner = repository()
    script = f"/bin/cat /proc/sys/kernel/random/uuid # {os.urandom(8).hex()}"
    ran = [
        runner.request(
            ProcessResult,
            [
                Process(
                    ("/bin/sh", "-c", script),
                    description="Print another number each time",
                    append_only_caches={name: network.FOLDER},
                )
            ],
        ).stdout
        for name in ("first", "second")
    ]
    assert ran[0] == ran[1]


def test_what_killed_processes_leave(tmp_path: Path) -> None:
    left, new, theirs = (tmp_path / f"qingkong_network_{name}" for name in ("left", "new", "x"))
    for path in (left, new, theirs):
        path.mkdir()
    (left / "a.json").touch()
    os.utime(left, (0, 0))
    theirs.rename(tmp_path / "of-something-else")
    network._remove_unlocked(left)
    network._remove_unlocked(new)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["of-something-else", new.name]


def test_errors_name_the_file_what_wants_it_and_no_password(content: bytes) -> None:
    with index(content) as server:
        runner = repository(mapping(server.url(f"me:{PASSWORD}@")))
        with pytest.raises(ExecutionError) as error:
            get(runner, "0" * 64)
    message = str(error.value)
    assert "Download of tiny-1.0.tar.gz for 3rdparty/tiny.lock failed: sha256=000" in message
    assert f"http:{server.url()}/tiny-1.0.tar.gz has sha256" in message
    assert "Fix: compare it with a copy that you trust" in message
    assert PASSWORD not in message


def test_a_password_that_is_missing(content: bytes) -> None:
    with index(content) as server:
        runner = repository(mapping(server.url()), env={"HOME": "/"})
        with pytest.raises(ExecutionError) as error:
            get(runner, "0" * 64)
    message = str(error.value)
    assert "for 3rdparty/tiny.lock failed: url=http://127.0.0.1" in message
    assert "answers 401" in message
    assert "Fix: give 127.0.0.1 a user and a password" in message
