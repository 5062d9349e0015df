"""What Pants does once where it used to do it in each start or in each run, and that no more."""

from __future__ import annotations

import functools
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from launcher.machines import RealStart, wheel
from launcher.small_builds import Build, make_build, wait_for

# What Pants says of each scheduler that it makes.
_SCHEDULER = "[DEBUG] Using [cache::CommandRunner"


@pytest.fixture(scope="module")
def build(real_start: RealStart, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Build]:
    yield from make_build(real_start, tmp_path_factory.mktemp("less"))


def listed(build: Build, *words: str, **changes: str | None) -> list[str]:
    done = build.run(*(words or ("list", "//:")), **changes)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def has_ended(build: Build, pid: int) -> bool:
    return pid not in build.processes()


def test_a_start_makes_one_scheduler(build: Build) -> None:
    words = ("--no-pantsd", "-ldebug", "list", "//:archive")
    done = build.run(*words)
    assert (done.returncode, done.stderr.count(_SCHEDULER)) == (0, 1), done.stderr
    # Pants itself makes one to install plugins with.
    done = build.run(*words, QINGKONG_PANTS_PATCHES="off")
    assert (done.returncode, done.stderr.count(_SCHEDULER)) == (0, 2), done.stderr


def test_plugins_are_installed_where_there_are_any(
    build: Build, real_start: RealStart, tmp_path: Path
) -> None:
    # It names the pex tool that installs them.
    before = build.machine.pants_toml.read_text()
    shutil.copy2(real_start.machine.pants_toml, build.machine.pants_toml)
    file = tmp_path / "demo_backend-1.0-py3-none-any.whl"
    source = (
        "from pants.engine.target import COMMON_TARGET_FIELDS, Target\n"
        "class Demo(Target):\n"
        "    alias = 'demo_target'\n"
        "    core_fields = COMMON_TARGET_FIELDS\n"
        "def target_types(): return [Demo]\n"
    )
    files = {"demo_backend/__init__.py": b"", "demo_backend/register.py": source.encode()}
    file.write_bytes(wheel("demo-backend", "1.0", files))
    folder = build.machine.root / "demo"
    folder.mkdir()
    (folder / "BUILD").write_text('demo_target(name="installed")\n')
    plugins = {
        "PANTS_PLUGINS": f'["demo-backend @ {file.as_uri()}"]',
        "PANTS_BACKEND_PACKAGES": '["pants.backend.shell", "demo_backend"]',
    }
    assert listed(build, "--no-pantsd", "list", "demo:", **plugins) == ["demo:installed"]
    (folder / "BUILD").unlink()
    build.machine.pants_toml.write_text(before)


def test_each_run_of_a_daemon_has_its_own_options(build: Build) -> None:
    all_of_them = listed(build)
    assert "//:archive" in all_of_them
    daemon = build.daemon()
    # By the command line, by the environment, and again as it was.
    assert listed(build, "--list-documented", "list", "//:") == []
    assert listed(build) == all_of_them
    assert listed(build, PANTS_LIST_DOCUMENTED="true") == []
    assert listed(build) == all_of_them
    # The content of a file is no part of the command.
    types = build.machine.root / "types"
    for alias in ("archive", "shell_command"):
        types.write_text(f"['{alias}']")
        found = listed(build, "--filter-target-type=@types", "filter", "//:")
        assert found == [f"//:{'copy' if alias == 'shell_command' else alias}"]
    assert build.daemon() == daemon


def test_a_changed_backend_is_loaded_again(build: Build) -> None:
    root = build.machine.root
    plugin = root / "own-plugins" / "own_backend" / "register.py"
    plugin.parent.mkdir(parents=True)
    folder = root / "own"
    folder.mkdir()
    settings = {
        "PANTS_PYTHONPATH": f"['{root}/own-plugins']",
        "PANTS_BACKEND_PACKAGES": '["pants.backend.shell", "own_backend"]',
    }
    daemon: int | None = None
    for alias in ("first_target", "second_target"):
        plugin.write_text(
            "from pants.engine.target import COMMON_TARGET_FIELDS, Target\n"
            "class Own(Target):\n"
            f"    alias = '{alias}'\n"
            "    core_fields = COMMON_TARGET_FIELDS\n"
            "def target_types(): return [Own]\n"
        )
        (folder / "BUILD").write_text(f'{alias}(name="own")\n')
        if daemon is not None:
            # One that has loaded the other source ends by itself.
            wait_for(functools.partial(has_ended, build, daemon))
        assert listed(build, "list", "own:", **settings) == ["own:own"]
        daemon = build.daemon()
    (folder / "BUILD").unlink()


def test_the_build_server_says_how_to_have_it(build: Build) -> None:
    for words in ((), ("--no-pantsd",)):
        done = build.run(*words, "experimental-bsp")
        assert done.returncode == 1
        for part in ("./pants: ", "  where: ", "  value: experimental-bsp", "  fix:   "):
            assert part in done.stderr
    done = build.run("--no-pantsd", "experimental-bsp", QINGKONG_PANTS_PATCHES="off")
    assert done.returncode == 0, done.stderr
    assert (build.machine.root / ".bsp").is_dir()
