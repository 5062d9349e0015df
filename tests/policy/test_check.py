"""The repository's own policy check, on small repositories that break it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from policy import check


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    return tmp_path


def find(root: Path, hosts: set[str], paths: set[str]) -> list[check.Finding]:
    return list(check.findings(root, check.tracked_files(root), hosts, paths))


def test_a_host_is_found_with_file_line_and_fix(repository: Path) -> None:
    (repository / "a.lock").write_text('{\n "url": "https://files.example.org/x.whl"\n}\n')
    (found,) = find(repository, {"files.example.org"}, set())
    assert str(found).startswith("a.lock:2: package host 'files.example.org'; ")
    assert "own settings" in str(found)


def test_a_machine_path_is_found(repository: Path) -> None:
    (repository / "run.sh").write_text("exec /home/me/bin/python\n")
    (found,) = find(repository, set(), {"/home/me"})
    assert (found.path, found.line, found.kind) == ("run.sh", 1, "machine path")


@pytest.mark.parametrize("text", ["example.org.evil.net", "notexample.org", "my-example.org"])
def test_other_hosts_are_not_taken_for_it(repository: Path, text: str) -> None:
    (repository / "a.txt").write_text(text)
    found = find(repository, {"example.org"}, set())
    assert [f.value for f in found] == ([] if text != "example.org.evil.net" else ["example.org"])


def test_longer_paths_are_not_taken_for_it(repository: Path) -> None:
    (repository / "a.txt").write_text("/srv/home/me/x /home/meow/x /home/me\n")
    assert find(repository, set(), {"/home/me"}) == []


def test_mirrors_may_be_named_where_they_belong(repository: Path) -> None:
    (repository / "pants.cn.toml").write_text('indexes = ["https://mirror.example.cn/simple"]\n')
    assert find(repository, {"mirror.example.cn"}, set()) == []


def test_binary_and_ignored_files_are_passed_over(repository: Path) -> None:
    (repository / ".gitignore").write_text("ignored\n")
    (repository / "ignored").write_text("example.org\n")
    (repository / "binary").write_bytes(b"\0example.org")
    assert find(repository, {"example.org"}, set()) == []


def test_hosts_are_read_from_settings() -> None:
    text = (
        "global.index-url='https://user:pw@mirror.example.net/simple'\n"
        "URIs: http://deb.example.net/debian\n"
        "index-url = http://127.0.0.1:8080/simple http://localhost/simple\n"
    )
    assert check.hosts_in(text) == {"mirror.example.net", "deb.example.net"}


def test_machine_paths_are_specific(tmp_path: Path) -> None:
    assert check.machine_paths(tmp_path) >= {str(tmp_path)}
    assert not check.machine_paths(tmp_path) & {"/", "/usr", "/tmp"}
