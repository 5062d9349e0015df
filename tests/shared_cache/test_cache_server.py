"""The program of `make cache-server`: what stops it, what it keeps, and what it evicts."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from shared_cache.servers import (
    CacheServer,
    Proxy,
    bgd,
    cache_server,
    command,
    proxy,
    wait_for,
)

from measuring.commands import environment
from server.processes import free_port

_SECONDS = 240.0
# An action is known by its digest; nothing asks for its content.
ACTION = f"{hashlib.sha256(b'an action').hexdigest()}/9"
# ActionResult with `stdout_raw`.
RESULT = b"\x2a\x05right"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[CacheServer]:
    with cache_server(tmp_path / "server") as running:
        yield running


def fails(*options: str, **variables: str | None) -> str:
    """The error that it prints when it cannot start, in one line."""
    done = subprocess.run(
        [*command(), *options],
        env=environment(**variables),
        capture_output=True,
        text=True,
        check=False,
        timeout=_SECONDS,
    )
    assert done.returncode == 1, done
    (line,) = done.stderr.splitlines()
    assert "Fix: " in line
    return line


def direct(server: CacheServer) -> list[str]:
    return [f"--remote=http://{server.address}", "--instance-name=main"]


def through(front: Proxy, token: Path | None) -> list[str | Path]:
    words: list[str | Path] = [
        f"--remote=https://localhost:{front.port}",
        f"--server-cert={front.authority}",
        "--instance-name=main",
    ]
    return words if token is None else [*words, f"--auth-token={token}"]


def uploaded(options: list[str], content: bytes, folder: Path) -> str:
    """Upload a blob; its digest, as BuildGrid's client writes it."""
    file = folder / "blob"
    file.write_bytes(content)
    done = bgd("cas", *options, "upload-file", file)
    assert done.returncode == 0, done
    return f"{hashlib.sha256(content).hexdigest()}/{len(content)}"


def stored_bytes(server: CacheServer) -> int:
    total = 0
    for path in (server.folder / "blobs").rglob("*"):
        # The cleanup deletes meanwhile.
        with contextlib.suppress(FileNotFoundError):
            total += path.stat().st_size if path.is_file() else 0
    return total


def test_port_in_use(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as used:
        address = f"127.0.0.1:{used.getsockname()[1]}"
        line = fails(f"--folder={tmp_path / 'folder'}", f"--address={address}")
    assert f"--address={address}: Address already in use" in line


def test_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    line = fails(CACHE_SERVER_FOLDER=str(tmp_path / "file" / "folder"))
    assert f"--folder={tmp_path / 'file' / 'folder'}: Not a directory" in line


def test_folder_of_another_server(server: CacheServer) -> None:
    line = fails(f"--folder={server.folder}", "--address=127.0.0.1:1")
    assert f"another cache server uses the folder: --folder={server.folder}" in line


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("address", "8980"),
        ("address", "localhost:99999"),
        ("address", "::1:8980"),
        ("quota", "20"),
        ("quota", "1M"),
        ("keep-hours", "a day"),
        ("statsd", "here"),
        ("statsd", "[::1]:8125"),
        ("folder", "~no-such-user/cache"),
    ],
)
def test_value_that_cannot_be_used(tmp_path: Path, option: str, value: str) -> None:
    assert f"--{option}={value!r}" in fails(f"--folder={tmp_path}", f"--{option}={value}")


@pytest.mark.skipif(os.getuid() != 0, reason="mounting a small disk takes root")
def test_start_on_a_full_disk(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "64k") as disk:
        with contextlib.suppress(OSError):
            (disk / "full").write_bytes(bytes(1 << 20))
        line = fails(f"--folder={disk}")
        assert str(disk) in line
        assert "No space left on device" in line


@contextlib.contextmanager
def small_disk(place: Path, size: str) -> Iterator[Path]:
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", place], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


def test_no_redis(tmp_path: Path) -> None:
    line = fails(f"--folder={tmp_path}", PATH=str(tmp_path))
    assert "PATH=" in line
    assert str(tmp_path) in line
    assert "apt-get install redis-server" in line


def test_results_outlive_a_kill(server: CacheServer, tmp_path: Path) -> None:
    digest = uploaded(direct(server), RESULT, tmp_path)
    assert bgd("actioncache", *direct(server), "update", ACTION, digest).returncode == 0
    assert server.send(signal.SIGKILL) == -signal.SIGKILL
    server.start()
    found = bgd("actioncache", *direct(server), "get", ACTION)
    assert found.stdout.startswith("Hit: "), found


@pytest.mark.parametrize("variable", ["CACHE_SERVER_FOLDER", "QINGKONG_BUILD_CACHE"])
def test_make_starts_it(tmp_path: Path, variable: str) -> None:
    """In the folder that it is given, or beside what the launcher sets up."""
    root, given, port = tmp_path / "root", tmp_path / "folder", free_port()
    folder = given if variable == "CACHE_SERVER_FOLDER" else given / "cache-server"
    root.mkdir()
    shutil.copy("Makefile", root)
    shutil.copytree("build-support", root / "build-support")
    program = root / "dist" / "build-support.cache_server" / "cache-server.pex"
    program.parent.mkdir(parents=True)
    program.symlink_to(command()[-1])
    # The program was packaged for this test.
    (root / "pants").write_text("#!/bin/sh\n", encoding="utf-8")
    (root / "pants").chmod(0o755)
    words = ["make", "cache-server"]
    words += [f"CACHE_SERVER_ADDRESS=127.0.0.1:{port}"]
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            words,
            cwd=root,
            env=environment(**{variable: str(given)}),
            stdout=output,
            stderr=output,
        )
    try:
        ready = f"cache-server: ready at grpc://127.0.0.1:{port}, in {folder}\n"
        wait_for(ready, log, process)
    finally:
        process.terminate()
        process.wait(_SECONDS)
    assert "cache-server: stopped by SIGTERM\n" in log.read_text(encoding="utf-8")


def test_termination_is_no_error(server: CacheServer) -> None:
    assert server.send(signal.SIGTERM) == 0
    assert server.log.read_text(encoding="utf-8").endswith("cache-server: stopped by SIGTERM\n")


def test_program_that_ends_ends_the_server(server: CacheServer) -> None:
    assert server.process is not None
    redis = int(_named("redis-server", server.process.pid))
    os.kill(redis, signal.SIGKILL)
    assert server.process.wait(_SECONDS) == 1
    server.process = None
    log = server.log.read_text(encoding="utf-8")
    assert "cache-server: Redis ended by itself: exit status -9. Fix: " in log


def _named(name: str, parent: int) -> str:
    done = subprocess.run(
        ["ps", "--ppid", str(parent), "-o", "pid=,comm="],
        capture_output=True,
        text=True,
        check=True,
    )
    (found,) = re.findall(rf"(\d+) {name}", done.stdout)
    return str(found)


def test_quota(tmp_path: Path) -> None:
    with cache_server(tmp_path / "server", "--quota=10M", "--keep-hours=0") as server:
        for number in range(4):
            uploaded(direct(server), bytes([number]) * 3_000_000, tmp_path)
        deadline = time.monotonic() + _SECONDS
        while stored_bytes(server) > 8_000_000:
            assert time.monotonic() < deadline, server.log.read_text(encoding="utf-8")
            time.sleep(0.1)
        assert stored_bytes(server) > 0


def test_deleted_blob_is_uploaded_again(server: CacheServer, tmp_path: Path) -> None:
    digest = uploaded(direct(server), b"a blob", tmp_path)
    hashed = digest.partition("/")[0]
    file = server.folder / "blobs" / "cas" / "objects" / hashed[:2] / hashed[2:]
    file.unlink()
    copy = tmp_path / "copy"
    bgd("cas", *direct(server), "download-file", digest, copy)
    assert not copy.exists() or copy.read_bytes() == b""
    uploaded(direct(server), b"a blob", tmp_path)
    assert file.read_bytes() == b"a blob"


def test_what_was_used_lately_is_kept(tmp_path: Path) -> None:
    with cache_server(tmp_path / "server", "--quota=10M") as server:
        for number in range(4):
            uploaded(direct(server), bytes([number]) * 3_000_000, tmp_path)
        assert server.process is not None
        text = "Total size still remains greater than high watermark!"
        wait_for(text, server.log, server.process)
        assert stored_bytes(server) == 12_000_000


@pytest.mark.skipif(os.getuid() != 0, reason="mounting a small disk takes root")
def test_full_disk(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "12m") as disk, cache_server(disk / "server") as server:
        digest = uploaded(direct(server), RESULT, tmp_path)
        assert bgd("actioncache", *direct(server), "update", ACTION, digest).returncode == 0
        large = tmp_path / "large"
        large.write_bytes(bytes(13_000_000))
        refused = bgd("cas", *direct(server), "upload-file", large)
        assert refused.returncode != 0
        assert "Disk Error" in refused.stderr, refused
        assert "StorageFullError" in server.log.read_text(encoding="utf-8")
        found = bgd("actioncache", *direct(server), "get", ACTION)
        assert found.stdout.startswith("Hit: "), found


def test_health(server: CacheServer) -> None:
    script = f"""
import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
stub = health_pb2_grpc.HealthStub(grpc.insecure_channel("{server.address}"))
print(stub.Check(health_pb2.HealthCheckRequest()).status)
"""
    done = subprocess.run(
        [*command(), "-c", script],
        env=environment(PEX_INTERPRETER="1"),
        capture_output=True,
        text=True,
        check=False,
        timeout=_SECONDS,
    )
    # SERVING
    assert done.stdout == "1\n", done


def test_metrics(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as statsd:
        statsd.bind(("127.0.0.1", 0))
        statsd.settimeout(_SECONDS)
        option = f"--statsd=127.0.0.1:{statsd.getsockname()[1]}"
        with cache_server(tmp_path / "server", option) as server:
            uploaded(direct(server), b"a blob", tmp_path)
            received = b""
            while b"cache-server.cas.blob_bytes" not in received:
                received += statsd.recv(65536) + b"\n"


def test_only_writers_write(server: CacheServer, tmp_path: Path) -> None:
    digest = uploaded(direct(server), RESULT, tmp_path)
    with proxy(tmp_path / "proxy", server) as front:
        reader, writer = through(front, front.reader), through(front, front.writer)

        refused = bgd("actioncache", *reader, "update", ACTION, digest)
        assert refused.returncode != 0
        assert "403" in refused.stderr, refused
        assert bgd("actioncache", *reader, "get", ACTION).stdout.startswith("Miss: ")

        assert bgd("actioncache", *writer, "update", ACTION, digest).returncode == 0
        for options in (reader, writer):
            found = bgd("actioncache", *options, "get", ACTION)
            assert found.stdout.startswith("Hit: "), found

        blob = tmp_path / "other"
        blob.write_bytes(b"of a reader")
        before = stored_bytes(server)
        bgd("cas", *reader, "upload-file", blob)
        assert stored_bytes(server) == before
        assert bgd("cas", *writer, "upload-file", blob).returncode == 0
        assert stored_bytes(server) == before + len(b"of a reader")

        no_one = bgd("actioncache", *through(front, None), "get", ACTION)
        assert no_one.returncode != 0
        assert "403" in no_one.stderr, no_one
