from __future__ import annotations

import base64
from pathlib import Path

import pytest
from index_credentials import IndexCredentials
from network_settings import Settings, SettingsError

FILE = "https://files.example/packages/a.whl"
BASIC = 'Basic realm="index"'


def said(header: str) -> str:
    return base64.b64decode(header.removeprefix("Basic ")).decode()


def credentials(*indexes: str, **variables: str) -> IndexCredentials:
    environment = {"HOME": "/nowhere", "PATH": "/nowhere", **variables}
    return IndexCredentials(Settings(environment, indexes))


def mapped(*mappings: str) -> IndexCredentials:
    return IndexCredentials(Settings({"HOME": "/nowhere"}, path_mappings=mappings))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (FILE, "me:p@ss:word"),
        ("https://files.example:443/a", "me:p@ss:word"),
        ("https://FILES.example/a", "me:p@ss:word"),
        ("http://files.example/a", ""),
        ("https://files.example:8443/a", ""),
        ("https://example/a", ""),
        ("https://other.files.example/a", ""),
        ("https://files.example.evil.example/a", ""),
        ("https://evil.example/https://files.example/", ""),
    ],
)
def test_an_index_with_a_password(url: str, expected: str) -> None:
    index = "https://me:p%40ss%3Aword@files.example/simple"
    for known in (
        credentials("https://other.example/simple", index),
        credentials(PIP_INDEX_URL=index),
        credentials(PIP_EXTRA_INDEX_URL=f"https://other.example {index}"),
        mapped(f"A|{index}/x"),
    ):
        assert said(known.header(url)) == expected
        assert known.answer(url, BASIC) == ""


def test_a_mapping_without_scheme() -> None:
    known = mapped("PYPI_FILES|//me:x@files.example/packages", "NONE|")
    assert said(known.header(FILE)) == "me:x"


@pytest.mark.parametrize("name", [".netrc", "_netrc", "other"])
def test_netrc(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("machine files.example login me password p:%w\n")
    where = {"NETRC": str(tmp_path / name)} if name == "other" else {"HOME": str(tmp_path)}
    known = credentials(**where)
    assert said(known.header(FILE)) == "me:p:%w"
    assert known.header("https://other.example/a") == ""
    # What an address says is nearer.
    near = credentials("https://you:y@files.example/simple", **where)
    assert said(near.header(FILE)) == "you:y"


def test_netrc_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / ".netrc").write_text("machine files.example secret me\n")
    known = credentials(HOME=str(tmp_path))
    # Most indexes want no password.
    assert known.header(FILE) == ""
    with pytest.raises(SettingsError) as error:
        known.answer(FILE, BASIC)
    assert f"netrc='{tmp_path}/.netrc': it cannot be read (NetrcParseError). Fix:" in str(
        error.value
    )
    assert "secret" not in str(error.value)


KEYRING = """\
#!/bin/sh
echo "$*" >>"$HOME/asked"
[ "$1 $3" = "get me@here" ] || exit 1
case $2 in {service}) echo 'p@ss' ;; *) exit 1 ;; esac
"""


@pytest.mark.parametrize(
    ("service", "asked"),
    [
        ("https://files.example/simple", 1),
        ("files.example", 2),
    ],
)
def test_keyring(tmp_path: Path, service: str, asked: int) -> None:
    program = tmp_path / "keyring"
    program.write_text(KEYRING.format(service=service))
    program.chmod(0o755)
    log = tmp_path / "asked"
    index = "https://me%40here@files.example/simple"
    known = credentials(index, HOME=str(tmp_path), PATH=str(tmp_path))
    assert known.header(FILE) == ""
    assert not log.exists(), "it is asked only when a server asks"
    assert said(known.answer(FILE, BASIC)) == "me@here:p@ss"
    assert said(known.header(FILE)) == "me@here:p@ss"
    # It was wrong: there is nothing new.
    assert known.answer(FILE, BASIC) == ""
    assert len(log.read_text().splitlines()) == asked


def test_keyring_does_not_know(tmp_path: Path) -> None:
    (tmp_path / "keyring").write_text("#!/bin/sh\necho $* >>$HOME/asked\nexit 1\n")
    (tmp_path / "keyring").chmod(0o755)
    place = {"HOME": str(tmp_path), "PATH": str(tmp_path)}
    known = credentials("https://me@files.example/simple", **place)
    assert known.answer(FILE, BASIC) == known.answer(FILE, BASIC) == ""
    assert len((tmp_path / "asked").read_text().splitlines()) == 2
    # Without a user there is no one to ask for, and a bearer token is not its business.
    assert credentials("https://files.example/simple", **place).answer(FILE, BASIC) == ""
    fresh = credentials("https://me@files.example/simple", **place)
    assert fresh.answer(FILE, 'Bearer realm="x"') == ""
    assert len((tmp_path / "asked").read_text().splitlines()) == 2
