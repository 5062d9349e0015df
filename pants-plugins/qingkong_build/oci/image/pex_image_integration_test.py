"""Images of a `pex_binary`: which layers they have, and what they start."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from pants.engine.internals.scheduler import ExecutionError
from pants.testutil.rule_runner import RuleRunner
from pants.util.frozendict import FrozenDict

from plugin_testing import machine, pex_images
from plugin_testing.pex_images import SITE_PACKAGES, config, layers, manifests
from qingkong_build.oci.image.image_integration_test import base_layout

PEX = "pex_binary(name='run', entry_point='app.main:serve', args=['-v'], env={'A': '1'})\n"
IMAGE = "oci_image(name='oci', base='nothing:1', pex='src/app:run'{})\n"
FILES = {
    "3rdparty/BUILD": (
        "python_requirement(name='one', requirements=['one'], resolve='made')\n"
        "python_requirement(name='big', requirements=['big'], resolve='made')\n"
        "python_requirement(name='tool', requirements=['tool'], resolve='tools')\n"
    ),
    "src/app/BUILD": f"python_sources()\nresources(name='data', sources=['*.txt'])\n{PEX}",
    "src/app/main.py": "import one\nimport lib.more\n\ndef serve(): ...\n",
    "src/app/hello.txt": "hello\n",
    "src/lib/BUILD": "python_sources()\n",
    "src/lib/more.py": "import big\n",
    "src/lib/unused.py": "",
    "app/BUILD": IMAGE.format(""),
}


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> RuleRunner:
    folder = tmp_path_factory.mktemp("made")
    base = base_layout(folder / "base", "amd64")
    runner = pex_images.repository_with()
    runner.write_files({"made.lock": pex_images.lockfile(folder)})
    machine.set_options(runner, pex_images.options(folder, base))
    return runner


def package(
    runner: RuleRunner, changes: Mapping[str, str] = FrozenDict(), name: str = "oci"
) -> dict[str, bytes]:
    """The files of the image, with `changes` to the files of the repository, by path."""
    return pex_images.package(runner, {**FILES, **changes}, name)


def test_each_part_is_a_layer(repository: RuleRunner) -> None:
    files = package(repository)
    found = layers(files)
    assert list(found.items()) == [
        ("layer src/app/run.requirement-big.tar", {f"{SITE_PACKAGES}/big.py"}),
        ("layer src/app/run.requirements-compiled.tar", {f"{SITE_PACKAGES}/below.so"}),
        ("layer src/app/run.requirements.tar", {f"{SITE_PACKAGES}/one.py"}),
        ("layer src/app/run.sources.tar", {"app/app/main.py", "app/lib/more.py"}),
    ]
    settings = config(files)
    assert settings["Env"] == ["PATH=/bin", "PYTHONPATH=/app", "A=1"]
    assert settings["WorkingDir"] == "/app"
    *program, code, argument = settings["Entrypoint"]
    assert (program, argument) == (["python", "-c"], "-v")
    assert "from app.main import serve" in code


def test_an_edit_moves_the_sources_alone(repository: RuleRunner) -> None:
    before = manifests(package(repository))["amd64"]["layers"]
    edited = package(repository, {"src/lib/more.py": "import big\nEDITED = True\n"})
    after = manifests(edited)["amd64"]["layers"]
    assert after[:-1] == before[:-1]
    assert after[-1] != before[-1]


def test_fields_of_the_image_come_first(repository: RuleRunner) -> None:
    fields = ", layers=[], entrypoint=[], cmd=['x'], workdir='/', env={'A': '2'}"
    settings = config(package(repository, {"app/BUILD": IMAGE.format(fields)}))
    assert "Entrypoint" not in settings
    assert (settings["Cmd"], settings["WorkingDir"]) == (["x"], "/")
    assert settings["Env"] == ["PATH=/bin", "PYTHONPATH=/app", "A=2"]


def test_layers_that_the_image_names(repository: RuleRunner) -> None:
    fields = ", pex_layers={'web': ['One'], 'below': ['below']}"
    found = layers(package(repository, {"app/BUILD": IMAGE.format(fields)}))
    assert list(found.items())[:3] == [
        ("layer src/app/run.web.tar", {f"{SITE_PACKAGES}/one.py"}),
        ("layer src/app/run.below.tar", {f"{SITE_PACKAGES}/below.so"}),
        ("layer src/app/run.requirement-big.tar", {f"{SITE_PACKAGES}/big.py"}),
    ]


def test_images_of_one_pex_share_its_layers(repository: RuleRunner) -> None:
    second = IMAGE.format(", user='1'").replace("'oci'", "'second'")
    changes = {"app/BUILD": IMAGE.format("") + second}
    ours, others = (package(repository, changes, name) for name in ("oci", "second"))
    assert config(ours) != config(others)
    assert layers(ours) == layers(others)
    one, other = (manifests(files)["amd64"]["layers"] for files in (ours, others))
    assert one == other


def test_bytecode(repository: RuleRunner) -> None:
    fields = ", pex_bytecode='unchecked-hash'"
    found = layers(package(repository, {"app/BUILD": IMAGE.format(fields)}))
    cache = "__pycache__/{}.cpython-312.pyc"
    assert found["layer src/app/run.sources.tar"] == {
        *("app/app/main.py", f"app/app/{cache.format('main')}"),
        *("app/lib/more.py", f"app/lib/{cache.format('more')}"),
    }
    assert found["layer src/app/run.requirements.tar"] == {
        *(f"{SITE_PACKAGES}/one.py", f"{SITE_PACKAGES}/{cache.format('one')}"),
    }


def test_a_development_requirement_of_a_requirement(repository: RuleRunner) -> None:
    tool = "python_requirement(name='below', requirements=['below'], resolve='tools')\n"
    with pytest.raises(ExecutionError) as error:
        package(repository, {"3rdparty/BUILD": FILES["3rdparty/BUILD"] + tool})
    for part in ("src/app:run", "one 1.0 -> below 1.0", "3rdparty:below"):
        assert part in str(error.value)


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        (
            {"app/BUILD": IMAGE.format("").replace("src/app:run", "src/app:data")},
            ("The 'pex' field in target app:oci is 'src/app:data'", "no `pex_binary`", "Fix: "),
        ),
        (
            {"src/lib/BUILD": "python_sources(dependencies=['3rdparty:tool'])\n"},
            ("src/app:run", "3rdparty:tool", "resolve 'tools'"),
        ),
        (
            {
                "src/lib/BUILD": (
                    "python_sources(dependencies=[':page'])\n"
                    "files(name='page', sources=['BUILD'])\n"
                )
            },
            ("packing app:oci: pex=src/lib/BUILD:page", "files_layer", "Fix: "),
        ),
        ({"app/BUILD": IMAGE.format("").replace("src/app:run", "src/app:no")}, ("src/app:no",)),
        *(
            (
                {
                    "src/bare/note.txt": "",
                    "src/app/BUILD": FILES["src/app/BUILD"].replace(
                        "name='run'", f"name='run', dependencies=['{dependency}']"
                    ),
                },
                ("'pex' field in target app:oci", "src/app:run", dependency, "Fix: "),
            )
            for dependency in ("src/absent", "src/bare", "src/lib:absent")
        ),
        (
            {"app/BUILD": IMAGE.format(", pex_layers={'web': ['other']}")},
            ("'pex_layers' field in target app:oci is {'web': ['other']}", "src/app:run", "Fix: "),
        ),
        (
            {
                "app/BUILD": IMAGE.format(", pex_layers={'web': ['x']}").replace(
                    ", pex='src/app:run'", ""
                )
            },
            ("'pex_layers' field in target app:oci", "'web'", "no `pex`", "Fix: "),
        ),
        (
            {
                "app/BUILD": (
                    "oci_image(name='oci', base='nothing:1', pex_other_platforms=['src/lib'])\n"
                )
            },
            ("'pex_other_platforms' field in target app:oci", "src/lib", "no `pex`", "Fix: "),
        ),
        (
            {"app/BUILD": IMAGE.format(", pex_other_platforms=['src/app:data']")},
            ("'pex_other_platforms' field in target app:oci", "src/app", "native_wheel", "Fix: "),
        ),
    ],
    ids=[
        *("no pex", "development", "files", "nothing", "no folder", "no BUILD", "no target"),
        *("group", "groups", "platforms", "no wheel"),
    ],
)
def test_errors(repository: RuleRunner, changes: dict[str, str], parts: tuple[str, ...]) -> None:
    with pytest.raises(ExecutionError) as error:
        package(repository, changes)
    for part in parts:
        assert part in str(error.value)


PARENT = IMAGE.format("").replace("'oci'", "'parent'")
CHILD = "oci_image(name='oci', base=':parent', pex='src/team:run'{})\n"
TEAM = {
    "3rdparty/BUILD": (
        FILES["3rdparty/BUILD"]
        + "python_requirement(name='other', requirements=['other'], resolve='made')\n"
    ),
    "src/team/BUILD": (
        "python_sources()\npex_binary(name='run', entry_point='team.main', env={'TEAM': '1'})\n"
    ),
    "src/team/main.py": "import app.main\nimport one\nimport other\n",
    "app/BUILD": PARENT + CHILD.format(""),
}


def test_what_the_base_has_is_not_repeated(repository: RuleRunner) -> None:
    child, parent = (package(repository, TEAM, name) for name in ("oci", "parent"))
    above = dict(list(layers(child).items())[len(layers(parent)) :])
    assert layers(child) == {**layers(parent), **above}
    assert above == {
        "layer src/team/run.requirements.tar": {f"{SITE_PACKAGES}/other.py"},
        "layer src/team/run.sources.tar": {"app/team/main.py"},
    }
    below, found = config(parent), config(child)
    assert found["Env"] == [*below["Env"], "TEAM=1"]
    assert found["WorkingDir"] == below["WorkingDir"]
    assert "team.main" in " ".join(found["Entrypoint"])


def test_an_edit_of_a_base_moves_no_layer_above_it(repository: RuleRunner) -> None:
    before = manifests(package(repository, TEAM))["amd64"]["layers"]
    edit = {"src/lib/more.py": "import big\nEDITED = 2\n"}
    after = manifests(package(repository, {**TEAM, **edit}))["amd64"]["layers"]
    assert [a == b for a, b in zip(before, after)] == [True] * 4 + [False] + [True] * 2


def test_another_image_on_the_same_base_is_not_moved(repository: RuleRunner) -> None:
    """One team's edit changes no byte of another team's image."""
    others = {
        "src/crew/BUILD": "python_sources()\npex_binary(name='run', entry_point='crew.main')\n",
        "src/crew/main.py": "import app.main\n",
        "app/BUILD": TEAM["app/BUILD"]
        + CHILD.format("").replace("'oci'", "'crew'").replace("src/team", "src/crew"),
    }
    before = package(repository, {**TEAM, **others}, "crew")
    edit = {"src/team/main.py": "import app.main\nimport other\nEDITED = True\n"}
    assert package(repository, {**TEAM, **others, **edit}, "crew") == before


def test_a_layer_for_what_the_base_has(repository: RuleRunner) -> None:
    fields = ", pex_layers={'web': ['one']}"
    with pytest.raises(ExecutionError) as error:
        package(repository, {**TEAM, "app/BUILD": PARENT + CHILD.format(fields)})
    for part in (
        "The 'pex_layers' field in target app:oci is {'web': ['one']}",
        "app:parent has 'one'",
        "Fix: ",
    ):
        assert part in str(error.value)
