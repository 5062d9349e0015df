from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from network_settings import Settings
from registry import parse_reference
from registry_login import Login, LoginError, api_host, find_login

HOST = "registry.example:5000"
HUB_LOGIN = "https://index.docker.io/v1/"


def auth(user: str = "me", password: str = "p:w") -> dict[str, str]:
    return {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}


def write(path: Path, config: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(config), encoding="utf-8")
    return path


def find(home: Path, host: str = HOST, repository: str = "team/app", **variables: str) -> Any:
    settings = Settings({"HOME": str(home), "PATH": str(home), **variables})
    return find_login(settings, host, repository)


def test_no_login(tmp_path: Path) -> None:
    assert find(tmp_path) is None
    write(tmp_path / ".docker/config.json", {"auths": {"other.example": auth()}})
    assert find(tmp_path) is None
    write(tmp_path / ".docker/config.json", {"auths": {HOST: {}}})
    assert find(tmp_path) is None


@pytest.mark.parametrize(
    "key", [HOST, f"https://{HOST}", f"https://{HOST}/v1/", f"http://{HOST}/v2/", f"{HOST}/v1/"]
)
def test_a_login_of_docker(tmp_path: Path, key: str) -> None:
    write(tmp_path / ".docker/config.json", {"auths": {"other.example": {}, key: auth()}})
    assert find(tmp_path) == Login("me", "p:w")
    assert find(tmp_path, "registry.example") is None
    assert "p:w" not in repr(find(tmp_path))


def test_a_login_of_docker_elsewhere(tmp_path: Path) -> None:
    write(tmp_path / "config/config.json", {"auths": {HOST: auth("you")}})
    write(tmp_path / ".docker/config.json", {"auths": {HOST: auth()}})
    assert find(tmp_path, DOCKER_CONFIG=str(tmp_path / "config")).user == "you"


@pytest.mark.parametrize("name", ["docker.io", "index.docker.io", "registry-1.docker.io"])
def test_docker_hub(tmp_path: Path, name: str) -> None:
    """In references, of its API, and of logins it goes by another name each."""
    reference = parse_reference(f"{name}/python:3.12")
    assert str(reference) == "docker.io/library/python:3.12"
    assert parse_reference(f"{name}/team/app").repository == "team/app"
    assert parse_reference("python", name) == parse_reference("docker.io/python")
    assert api_host(reference.host) == "registry-1.docker.io"
    write(tmp_path / ".docker/config.json", {"auths": {HUB_LOGIN: auth()}})
    assert find(tmp_path, name) == Login("me", "p:w")
    assert find(tmp_path) is None


@pytest.mark.parametrize(
    ("folder", "variable"),
    [
        ("run/containers/auth.json", "XDG_RUNTIME_DIR"),
        (".config/containers/auth.json", ""),
        ("etc/containers/auth.json", "XDG_CONFIG_HOME"),
        ("auth.json", "REGISTRY_AUTH_FILE"),
    ],
)
def test_a_login_of_podman(tmp_path: Path, folder: str, variable: str) -> None:
    path = write(
        tmp_path / folder,
        {"auths": {HOST: auth("all"), f"{HOST}/team": auth("team"), f"{HOST}/team/app/x": auth()}},
    )
    value = path if variable == "REGISTRY_AUTH_FILE" else path.parent.parent
    variables = {variable: str(value)} if variable else {}
    assert find(tmp_path, **variables).user == "team"
    assert find(tmp_path, repository="teams/app", **variables).user == "all"
    # An explicit file goes before Docker's login, and Podman's usual ones after it.
    write(tmp_path / ".docker/config.json", {"auths": {HOST: auth("docker")}})
    expected = "team" if variable == "REGISTRY_AUTH_FILE" else "docker"
    assert find(tmp_path, **variables).user == expected


@pytest.mark.parametrize(
    "entry", [{"identitytoken": "t", **auth()}, auth("<token>", "t"), auth("<token>", "t\0")]
)
def test_an_identity_token(tmp_path: Path, entry: dict[str, str]) -> None:
    write(tmp_path / ".docker/config.json", {"auths": {HOST: entry}})
    assert find(tmp_path) == Login(identity_token="t")


HELPER = """\
#!/bin/sh
read -r server
[ "$1 $server" = "get {server}" ] || {{ echo credentials not found; exit 1; }}
printf '{{"ServerURL": "%s", "Username": "{user}", "Secret": "s"}}' "$server"
"""


def helper(home: Path, name: str, server: str = HOST, user: str = "me") -> None:
    program = home / f"docker-credential-{name}"
    program.write_text(HELPER.format(server=server, user=user))
    program.chmod(0o755)


def test_credential_helpers(tmp_path: Path) -> None:
    helper(tmp_path, "mine")
    helper(tmp_path, "token", user="<token>")
    helper(tmp_path, "hub", HUB_LOGIN)
    config = tmp_path / ".docker/config.json"
    for content, expected in (
        ({"credsStore": "mine", "auths": {HOST: {}}}, Login("me", "s")),
        ({"credsStore": "hub", "credHelpers": {HOST: "mine"}}, Login("me", "s")),
        ({"credsStore": "token"}, Login(identity_token="s")),
        # One that has none for it: then the file's own.
        ({"credsStore": "hub", "auths": {HOST: auth()}}, Login("me", "p:w")),
    ):
        write(config, content)
        assert find(tmp_path) == expected
    write(config, {"credsStore": "hub"})
    assert find(tmp_path, "docker.io") == Login("me", "s")
    write(config, {"credsStore": "gone"})
    with pytest.raises(LoginError, match=f"'docker-credential-gone', .* for {HOST}.*Fix: install"):
        find(tmp_path)


@pytest.mark.parametrize("content", ["{", "[]", json.dumps({"auths": {HOST: {"auth": "secret"}}})])
def test_a_file_that_cannot_be_read(tmp_path: Path, content: str) -> None:
    path = write(tmp_path / ".docker/config.json", {})
    path.write_text(content)
    with pytest.raises(LoginError) as error:
        find(tmp_path)
    assert f"the logins in '{path}' cannot be read" in str(error.value)
    assert f"docker login {HOST}" in str(error.value)
    assert "secret" not in str(error.value)
