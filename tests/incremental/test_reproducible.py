"""The same inputs make the same image, whatever else differs."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from incremental.conftest import TARGET, on_base
from incremental.elsewhere import TELL, assert_elsewhere, elsewhere, rewrite
from incremental.layouts import Layout, differences

from measuring.clone import Clone, clone
from measuring.commands import run

_OTHERS = {
    "TZ": "America/St_Johns",
    "LANG": "tr_TR.UTF-8",
    "LC_ALL": "C",
    "PYTHONHASHSEED": "4711",
    "USER": "somebody",
    "LOGNAME": "somebody",
}
_GOLDEN = Path("tests", "incremental", "golden.json")
# The layers that change with neither the sources nor the lockfile, by a file that is in them.
_STABLE = {"system": "etc/timezone", "driver": "/asyncmy/__init__.py"}


@pytest.fixture
def other(tmp_path: Path, base: str) -> Iterator[Clone]:
    """A clone in another place with other settings, for another home."""
    made = on_base(clone(Path.cwd(), tmp_path / "some other" / "clone"), base)
    rewrite(made.root)
    home = Path(made.variables["HOME"])
    (tmp_path / "home").mkdir()
    # Another home, but not another cache: that would be downloads.
    made.variables.setdefault("XDG_CACHE_HOME", str(home / ".cache"))
    made.variables.setdefault("PYENV_ROOT", str(home / ".pyenv"))
    settings = home / ".config" / "pip" / "pip.conf"
    if settings.exists():
        made.variables.setdefault("PIP_CONFIG_FILE", str(settings))
    made.variables.update(_OTHERS, HOME=str(tmp_path / "home"))
    try:
        yield made
    finally:
        made.stop()


@pytest.fixture
def memory() -> Iterator[Path]:
    """A folder on another file system than everything else."""
    with TemporaryDirectory(dir="/dev/shm") as folder:
        yield Path(folder)


def assert_compiler_is_first(log: str) -> None:
    """It takes longest: what is downloaded for other layers does not keep a processor from it."""
    before, _, after = log.partition("Starting: Build 3rdparty/asyncmy:wheel")
    # Two may run already where one ended as the compiler's own downloads did.
    others = ("aiohttp", "click", "fastapi", "pydantic", "starlette", "tortoise_orm", "uvicorn")
    assert sum(f"Starting: Download {name}-" in before for name in others) <= 2
    assert all(f"Starting: Download {name}-" in before + after for name in others)


def test_another_place_time_and_user_make_the_same_image(
    built: Layout, other: Clone, tmp_path: Path, memory: Path
) -> None:
    # Pants links a large input from its store into a sandbox, read-only, where both are on one
    # file system, and copies it where they are not. Here they are not.
    assert memory.stat().st_dev != Path.home().stat().st_dev, "this needs two file systems"
    assert memory.stat().st_dev != tmp_path.stat().st_dev, "this needs two file systems"
    sandboxes = memory / "sandboxes"
    sandboxes.mkdir(mode=0o777)
    sandboxes.chmod(0o777)
    memory.chmod(0o755)
    words = [
        *("./pants", "--no-dynamic-ui", "--no-local-cache"),
        f"--local-execution-root-dir={sandboxes}",
        *("package", TARGET),
    ]
    started = elsewhere(tmp_path)
    assert_elsewhere(run([*started, "sh", "-c", TELL], other.root, other.variables).output)
    log = run([*started, *words], other.root, other.variables).errors
    assert_compiler_is_first(log)
    # Of all the rules of this repository, what each needs is known.
    assert "Initializing scheduler" in log
    assert "The graph of rules takes longer" not in log
    assert differences(built, Layout.read(other.root)) == ""
    assert built.manifest == Layout.read(other.root).manifest


def tools(tree: Clone) -> dict[str, str]:
    """What the bytes of layers depend on beside their inputs."""
    script = (
        'source ./.pants.bootstrap --version >&2; printf %s "$PANTS_PYTHON_BOOTSTRAP_SEARCH_PATH"'
    )
    told = run(["bash", "-euo", "pipefail", "-c", script], tree.root, tree.variables).output
    found = {"compiler": run(["gcc", "--version"], tree.root).output.splitlines()[0]}
    for python in json.loads(told):
        text = "import platform, zlib; print(platform.python_version(), zlib.ZLIB_RUNTIME_VERSION)"
        version, zlib = run([python, "-I", "-c", text], tree.root).output.split()
        found[f"CPython {version.rpartition('.')[0]}"] = f"{version} with zlib {zlib}"
    return found


def test_layers_are_those_of_other_machines_with_the_same_tools(tree: Clone, built: Layout) -> None:
    here = {
        layer: digest
        for digest in built.layers
        for layer, file in _STABLE.items()
        if any(name.endswith(file) for name, _ in built.members(digest))
    }
    assert here.keys() == _STABLE.keys()
    mine = tools(tree)
    golden = json.loads(_GOLDEN.read_text(encoding="utf-8"))
    for each in golden:
        if each["tools"] == mine:
            assert here == each["layers"], (
                "the tools are those of the recording, so the recipe changed or is not "
                f"reproducible; if it was meant to change, put this into {_GOLDEN}: "
                f"{json.dumps({'tools': mine, 'layers': here})}"
            )
            return
    others = [
        f"{name}: {mine.get(name)} and not {value}"
        for each in golden
        for name, value in each["tools"].items()
        if mine.get(name) != value
    ]
    message = (
        f"no recording was made with these tools ({'; '.join(others)}); to check their layers from "
        f"now on, add to {_GOLDEN}: {json.dumps({'tools': mine, 'layers': here})}"
    )
    # Other tools of somebody's machine are no fault; CI has to have a recording of its own.
    assert not os.environ.get("CI"), message
    pytest.skip(message)
