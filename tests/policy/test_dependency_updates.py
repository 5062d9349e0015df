"""Renovate and Dependabot find what there is to update, and run what exists."""

from __future__ import annotations

import ast
import fnmatch
import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

RENOVATE, DEPENDABOT = Path("renovate.json"), Path(".github/dependabot.yml")
PAGE = Path("docs/upgrades.md")
CONFIGURATION: dict[str, Any] = json.loads(RENOVATE.read_text(encoding="utf-8"))


def requirement_files() -> set[str]:
    """All that `python_requirements` targets read, and what the launcher's lists are made from."""
    found = {str(path) for path in Path("build-support/bootstrap").glob("*.in")}
    for build in Path().rglob("BUILD"):
        for node in ast.walk(ast.parse(build.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "python_requirements":
                fields = {word.arg: word.value for word in node.keywords}
                source = fields.get("source", ast.Constant("requirements.txt"))
                found.add(str(build.parent / ast.literal_eval(source)))
    return found


def python_pattern(pattern: str) -> re.Pattern[str]:
    """A pattern of Renovate, `/…/` or a text to look for."""
    return re.compile(pattern.removeprefix("/").removesuffix("/").replace("(?<", "(?P<"))


def is_found(path: str, patterns: list[str]) -> bool:
    assert all(re.fullmatch(r"/.*/", pattern) for pattern in patterns), patterns
    return any(python_pattern(pattern).search(path) for pattern in patterns)


def test_each_requirement_file_is_found() -> None:
    files = requirement_files()
    # The reading of BUILD files is not empty.
    assert {"3rdparty/prod/services.txt", "3rdparty/dev/requirements.txt"} < files
    assert all(Path(file).exists() for file in files)
    patterns = CONFIGURATION["pip_requirements"]["managerFilePatterns"]
    assert [file for file in sorted(files) if not is_found(file, patterns)] == []
    # Lists that a program of ours writes are no requirement files.
    written = [str(path) for path in Path("build-support/bootstrap").glob("*.requirements.txt")]
    assert written
    assert [file for file in written if is_found(file, patterns)] == []
    directories = re.findall(r"^      - (/.*)$", DEPENDABOT.read_text(encoding="utf-8"), re.M)
    lists = {file for file in files if file.startswith("build-support/bootstrap/")}
    missed = [
        file
        for file in sorted(files - lists)
        if not any(fnmatch.fnmatchcase(f"/{Path(file).parent}", one) for one in directories)
    ]
    assert missed == []


def matches() -> Iterator[dict[str, str | None]]:
    """What the custom managers find in their files."""
    for manager in CONFIGURATION["customManagers"]:
        (pattern,) = (python_pattern(one) for one in manager["managerFilePatterns"])
        files = [path for path in Path().rglob("*") if pattern.search(str(path))]
        for file in files:
            for text in manager["matchStrings"]:
                found = list(re.finditer(python_pattern(text), file.read_text(encoding="utf-8")))
                assert len(found) == 1, (file, text)
                yield {"depName": manager.get("depNameTemplate"), **found[0].groupdict()}


def test_versions_that_are_in_other_files() -> None:
    with open("pants.toml", "rb") as file:
        pants = tomllib.load(file)["GLOBAL"]["pants_version"]
    found = {str(one["depName"]): one["currentValue"] for one in matches()}
    driver = re.search(
        r"^asyncmy==(\S+)$", Path("3rdparty/benchmarks/requirements.txt").read_text(), re.M
    )
    assert driver is not None
    assert found == {
        "pantsbuild.pants": pants,
        "python": "3.12-slim-bookworm",
        "asyncmy": driver[1],
    }


def test_a_digest_of_the_base_is_found() -> None:
    (manager,) = (
        one for one in CONFIGURATION["customManagers"] if one["datasourceTemplate"] == "docker"
    )
    (text,) = manager["matchStrings"]
    found = python_pattern(text).search('base="python:3.12-slim-bookworm@sha256:0a1b",')
    assert found is not None
    assert found.groupdict() == {
        "depName": "python",
        "currentValue": "3.12-slim-bookworm",
        "currentDigest": "sha256:0a1b",
    }


def test_commands_are_those_that_the_page_allows() -> None:
    commands = {
        command
        for rule in CONFIGURATION["packageRules"]
        for command in rule.get("postUpgradeTasks", {}).get("commands", ())
    }
    (allowed,) = re.findall(r"^```json\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    patterns = json.loads(allowed)["allowedCommands"]
    unused = {one for one in patterns if not any(re.search(one, each) for each in commands)}
    assert unused == set()
    assert {each for each in commands if not any(re.search(one, each) for one in patterns)} == set()
    assert {command.split()[-2 if "sync" in command else -1] for command in commands} == {
        "./pants",
        "build-support/bootstrap/lock.py",
    }


def test_files_that_a_command_writes_are_committed() -> None:
    for rule in CONFIGURATION["packageRules"]:
        tasks = rule.get("postUpgradeTasks")
        if tasks:
            for pattern in tasks["fileFilters"]:
                assert list(Path().glob(pattern)), pattern
