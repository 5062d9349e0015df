"""deploy/compose/make-secrets.sh makes what the fleet needs, and changes nothing that exists."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from fleet.stack import system_environment

SCRIPT = "deploy/compose/make-secrets.sh"
FILES = {"database-password", "service.env", "gateway.env"}


def make(folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", SCRIPT, str(folder)],
        env={**system_environment(), **variables},
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )


def texts(folder: Path) -> dict[str, str]:
    return {file.name: file.read_text(encoding="utf-8") for file in folder.iterdir()}


def test_secrets_are_random_and_kept(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    assert make(one).returncode == make(two).returncode == 0
    before = texts(one)
    assert set(before) == FILES
    for name, text in before.items():
        assert re.search(r"^(?:\w+=)?[0-9a-f]{96}$", text, re.M), name
        assert text != texts(two)[name]
    password = before["database-password"].strip()
    assert f"QK_DATABASES__default__PASSWORD={password}\n" in before["service.env"]
    assert make(one).returncode == 0
    assert texts(one) == before


def test_the_folder_is_its_owners_and_its_files_can_be_edited(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    assert make(folder).returncode == 0
    assert folder.stat().st_mode & 0o777 == 0o700
    # Another user reads them in the container.
    assert {file.stat().st_mode & 0o777 for file in folder.iterdir()} == {0o644}


def test_a_folder_that_others_can_enter_is_left_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o755)
    said = make(folder)
    assert said.returncode == 1
    for part in (f"{folder}: mode=755", f"Fix: chmod 700 '{folder}'"):
        assert part in said.stderr
    assert folder.stat().st_mode & 0o777 == 0o755
    assert texts(folder) == {}


def test_without_random_bytes_nothing_is_made(tmp_path: Path) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "od").write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    (programs / "od").chmod(0o755)
    folder = tmp_path / "secrets"
    path = f"{programs}:{system_environment()['PATH']}"
    assert make(folder, PATH=path).returncode != 0
    assert texts(folder) == {}


def test_a_password_that_is_gone_is_not_replaced_by_another(tmp_path: Path) -> None:
    assert make(tmp_path).returncode == 0
    lost = tmp_path / "database-password"
    lost.unlink()
    said = make(tmp_path)
    assert said.returncode == 1
    assert f"{lost}: is missing" in said.stderr
    assert "Fix: write the value of QK_DATABASES__default__PASSWORD in service.env" in said.stderr
    assert not lost.exists()
