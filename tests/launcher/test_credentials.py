"""An index that wants a password: it works, and no one sees the password."""

from __future__ import annotations

import json
import netrc
import stat
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from ci.process_arguments import ProcessArguments

from launcher.machines import Index, Machine, Outcome

PASSWORD = "correct-horse-battery"


def with_password(url: str) -> str:
    return url.replace("//", f"//someone:{PASSWORD}@")


def hides_password(outcome: Outcome) -> None:
    told = {name: value for name, value in outcome.settings.items() if not name.startswith("PIP_")}
    assert PASSWORD not in json.dumps(told)
    assert PASSWORD not in outcome.stderr


def netrc_of(outcome: Outcome) -> netrc.netrc:
    file = Path(outcome.settings["NETRC"])
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.parent.name == "private"
    return netrc.netrc(str(file))


def test_the_password_of_an_index_is_used_and_not_shown(machine: Machine, index: Index) -> None:
    index.login = f"someone:{PASSWORD}"
    url = with_password(index.url)
    with ProcessArguments(PASSWORD) as arguments:
        outcome = machine.start("list", PIP_INDEX_URL=url)
    assert arguments.looks > 10
    assert arguments.seen == []
    hides_password(outcome)
    assert outcome.settings["PANTS_PYTHON_REPOS_INDEXES"] == f'["{index.url}"]'
    host = urlsplit(index.url).hostname
    assert netrc_of(outcome).authenticators(str(host)) == ("someone", "", PASSWORD)
    # pex reads ~/.netrc alone: in the home that it is given.
    home = Path(outcome.settings["PANTS_NAMED_CACHES_DIR"], "pex_root", "home")
    assert (home / ".netrc").readlink() == Path(outcome.settings["NETRC"])


def test_the_users_netrc_counts_as_for_pip(machine: Machine, index: Index) -> None:
    index.login = f"someone:{PASSWORD}"
    host = urlsplit(index.url).hostname
    file = Path(machine.environment["HOME"], ".netrc")
    file.write_text(f"machine {host} login someone password {PASSWORD}\n")
    file.chmod(0o600)
    outcome = machine.start("list")
    hides_password(outcome)
    assert netrc_of(outcome).authenticators(str(host)) is not None
    # It is noticed when it changes.
    file.write_text(f"machine other login someone password {PASSWORD}\n")
    changed = machine.start("list")
    assert netrc_of(changed).authenticators(str(host)) is None


def test_a_keyring_is_asked_as_pip_would(machine: Machine, index: Index, tmp_path: Path) -> None:
    index.login = f"someone:{PASSWORD}"
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "keyring").write_text(
        '#!/bin/sh\n[ "$1 $3" = "get someone" ] || exit 1\n'
        f'case "$2" in {index.url}) echo {PASSWORD} ;; *) exit 1 ;; esac\n'
    )
    (programs / "keyring").chmod(0o755)
    outcome = machine.start(
        "list",
        PATH=f"{programs}:{machine.environment['PATH']}",
        PIP_INDEX_URL=index.url.replace("//", "//someone@"),
        PIP_KEYRING_PROVIDER="subprocess",
    )
    hides_password(outcome)
    assert outcome.settings["PANTS_PYTHON_REPOS_INDEXES"] == f'["{index.url}"]'


def test_an_index_that_lets_no_one_in_is_named(machine: Machine, index: Index) -> None:
    index.login = "someone:other"
    outcome = machine.start("list", PIP_INDEX_URL=with_password(index.url), PIP_RETRIES="0")
    outcome.failed(index.url, "401", "~/.netrc", "PIP_INDEX_URL")
    assert PASSWORD not in outcome.stderr


@pytest.mark.parametrize("password", ["zz zz", 'zz"zz', "%23zz", "zz\\zz"])
def test_a_password_that_netrc_cannot_hold_is_refused(machine: Machine, password: str) -> None:
    url = machine.environment["PIP_INDEX_URL"].replace("//", f"//someone:{password}@")
    outcome = machine.start("list", PIP_INDEX_URL=url.replace(" ", "%20"))
    outcome.failed("password", urlsplit(url).netloc.rpartition("@")[2], "netrc")
    assert password not in outcome.stderr


def test_nothing_that_is_kept_outside_of_the_private_folder_has_the_password(
    machine: Machine, index: Index
) -> None:
    index.login = f"someone:{PASSWORD}"
    hides_password(machine.start("list", PIP_INDEX_URL=with_password(index.url)))
    places = [machine.environment["HOME"], str(machine.root)]
    found = subprocess.run(
        ["grep", "-rlF", PASSWORD, *places], capture_output=True, text=True
    ).stdout.split("\n")
    assert found != [""]
    assert [path for path in found if path and "/private/" not in path] == []
