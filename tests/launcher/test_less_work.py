"""What Pants does once where it used to do it in each start or in each run, and that no more."""

from __future__ import annotations

import functools
import json
import re
import shutil
import subprocess
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


def rules_visited(build: Build, **changes: str) -> int:
    """For one graph, to the nearest thousand."""
    done = build.run("--no-pantsd", "-ltrace", "list", "//:archive", **changes)
    assert done.returncode == 0, done.stderr
    found = re.findall(r"initial_polymorphic iteration (\d+)", done.stderr)
    return max(map(int, found), default=0)


def test_a_rule_is_visited_for_what_it_needs(build: Build) -> None:
    """And not for each set of parameters that its callers have."""
    few, many = rules_visited(build), rules_visited(build, QINGKONG_PANTS_PATCHES="off")
    assert 5 * few < many


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


def test_a_build_file_is_evaluated_again_only_where_it_changed(
    build: Build, tmp_path: Path
) -> None:
    folder, count = build.machine.root / "counted", tmp_path / "count"
    folder.mkdir()
    file = folder / "BUILD"
    evaluated = f"open({str(count)!r}, 'a').write('.')\n"
    file.write_text(evaluated + 'target(name="first")\n')

    def times(*words: str, **changes: str) -> tuple[list[str], int]:
        found = listed(build, *words, "list", "counted:", **changes)
        return found, len(count.read_text())

    assert times() == (["counted:first"], 1)
    daemon = build.daemon()
    for words, changes in (((), {}), (("--no-list-documented",), {}), ((), {"OTHER": "value"})):
        assert times(*words, **changes) == (["counted:first"], 1)
    file.write_text(evaluated + 'target(name="second")\n')
    assert times() == (["counted:second"], 2)
    # The variables that it asks for are seen.
    file.write_text(evaluated + 'target(name=env("NAME", "none"))\n')
    for name in ("third", "fourth"):
        found, count_of_name = times(NAME=name)
        assert found == [f"counted:{name}"]
        assert times(NAME=name, OTHER="another") == (found, count_of_name)
    assert times()[0] == ["counted:none"]
    assert build.daemon() == daemon
    # Those of a prelude, too.
    (folder / "prelude.py").write_text('def named(): target(name=env("NAME", "none"))\n')
    file.write_text(evaluated + "named()\n")
    prelude = {"PANTS_BUILD_FILE_PRELUDE_GLOBS": "['counted/prelude.py']"}
    for name in ("fifth", "sixth"):
        assert times(NAME=name, **prelude)[0] == [f"counted:{name}"]
    shutil.rmtree(folder)


# As in the daemon: what each start of a run asks for, one after the other.
_ASKED = """
import json, os, sys
environment, root = sys.argv[1:]
stdlib = [path for path in sys.path[1:] if "site-packages" not in path]
sys.path[:] = [environment + "/lib/python3.9/site-packages", *stdlib, environment + "/bin"]
os.chdir(root)
import pants_patches
pants_patches.apply()
from pants.option.options_bootstrapper import OptionsBootstrapper
from pants.init.options_initializer import _initialize_build_configuration
from pants.init.plugin_resolver import PluginResolver

def ask(*words, **env):
    env = {"PANTS_BACKEND_PACKAGES": "['pants.backend.shell']", **env}
    found = OptionsBootstrapper.create(env=env, args=["./pants", *words], allow_pantsrc=False)
    return found, _initialize_build_configuration(PluginResolver(None), found, env)

def is_kept(*words, **env):
    (one, first), (other, second) = ask("list", "::"), ask(*words, **env)
    return one is other, first is second

answers = {
    "again": is_kept("list", "::"),
    "words": is_kept("list", "src:"),
    "environment": is_kept("list", "::", PANTS_LIST_DOCUMENTED="true"),
    "backends": is_kept("list", "::", PANTS_BACKEND_PACKAGES="['pants.backend.python']"),
}
for name, words, env in (
    ("file in a word", ("list", "--filter-target-type=@types"), {}),
    ("file in the environment", ("list",), {"PANTS_FILTER_TARGET_TYPE": "@types"}),
):
    answers[name] = ask(*words, **env)[0] is ask(*words, **env)[0], True
before, _ = ask("list", "::")
with open("pants.toml", "a") as file:
    file.write("[list]\\ndocumented = true\\n")
answers["configuration"] = before is ask("list", "::")[0], True
with open("pants.toml", "a") as file:
    file.write("[filter]\\ntarget_type = '@types'\\n")
answers["file in the configuration"] = ask("list", "::")[0] is ask("list", "::")[0], True
print(json.dumps(answers))
"""


def test_what_is_kept_between_runs(build: Build, tmp_path: Path) -> None:
    """Whether the options are the same object, and the build configuration."""
    [stamp] = build.machine.state.glob("pants-*/complete")
    root = tmp_path / "repository"
    root.mkdir()
    shutil.copy2(build.machine.pants_toml, root)
    done = subprocess.run(
        [build.machine.environment["PANTS_PYTHON39"], "-s", "-c", _ASKED, stamp.parent, root],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "again": [True, True],
        "words": [False, True],
        "environment": [False, True],
        "backends": [False, False],
        "file in a word": [False, True],
        "file in the environment": [False, True],
        "configuration": [False, True],
        "file in the configuration": [False, True],
    }


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
