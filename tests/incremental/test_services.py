"""What an edit moves in the images of two teams' services, and what their code may not use."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from incremental.conftest import TARGET
from incremental.layouts import Layout

from measuring.clone import Clone
from measuring.commands import CommandError

SERVICES = ("services/first", "services/second")
_APP_BUILD = 'python_sources(sources=["**/*.py", "!tests/**"])\n'
_URLS = """\
from fastapp.urls import path

from {library} import VALUE


async def value() -> dict[str, str]:
    return {{"value": VALUE}}


urlpatterns = [path("value", value)]
"""


def app(name: str, library: str) -> dict[str, str]:
    """The files of an app and of its service."""
    return {
        f"src/apps/{name}/BUILD": _APP_BUILD,
        f"src/apps/{name}/__init__.py": "",
        f"src/apps/{name}/urls.py": _URLS.format(library=library),
        f"services/{name}/BUILD": f'fastapp_service(name="{name}", apps=["src/apps/{name}"])\n',
    }


FILES = {
    **app("first", "libs.shared"),
    **app("second", "libs.shared"),
    "src/libs/shared/BUILD": "python_sources()\n",
    "src/libs/shared/__init__.py": 'VALUE = "one"\n',
    "src/libs/unused/BUILD": "python_sources()\n",
    "src/libs/unused/__init__.py": "",
    # A requirement of services, in no lockfile: who may import it is asked before that is read.
    "3rdparty/prod/services.txt": "humanize>=4\n",
}


def write(tree: Clone, files: dict[str, str]) -> None:
    for path, text in files.items():
        (tree.root / path).parent.mkdir(parents=True, exist_ok=True)
        (tree.root / path).write_text(text, encoding="utf-8")


@dataclass(frozen=True)
class Built:
    """The framework's image, and those of the two services."""

    framework: Layout
    services: tuple[Layout, Layout]

    @classmethod
    def make(cls, tree: Clone) -> Built:
        tree.pants("package", TARGET, *(f"{each}:oci" for each in SERVICES))
        first, second = (Layout.read(tree.root, each) for each in SERVICES)
        return cls(Layout.read(tree.root), (first, second))


@pytest.fixture(scope="module")
def teams(tree: Clone, built: Layout) -> Iterator[Clone]:
    """The clone with two apps, a library that both use, and a service for each."""
    requirements = tree.root / "3rdparty/prod/services.txt"
    kept = requirements.read_text(encoding="utf-8")
    write(tree, FILES)
    yield tree
    requirements.write_text(kept, encoding="utf-8")
    for path in ("services", "src/apps/first", "src/apps/second", "src/libs/shared"):
        shutil.rmtree(tree.root / path)
    shutil.rmtree(tree.root / "src/libs/unused")


@pytest.fixture(scope="module")
def before(teams: Clone) -> Built:
    return Built.make(teams)


def test_a_service_is_one_layer_on_the_framework(before: Built) -> None:
    framework = list(before.framework.layers)
    for name, layout in zip(("first", "second"), before.services, strict=True):
        assert list(layout.layers)[:-1] == framework
        added = {path for path, _ in layout.members(list(layout.layers)[-1]) if ".py" in path}
        assert added == {
            "app/apps/__init__.py",
            f"app/apps/{name}/__init__.py",
            f"app/apps/{name}/urls.py",
            "app/libs/__init__.py",
            "app/libs/shared/__init__.py",
        }


def test_an_edit_of_one_team_moves_nothing_of_another(teams: Clone, before: Built) -> None:
    path = "src/apps/first/urls.py"
    write(teams, {path: FILES[path] + "# edited\n"})
    try:
        after = Built.make(teams)
    finally:
        write(teams, {path: FILES[path]})
    assert after.framework.manifest == before.framework.manifest
    assert after.services[1].manifest == before.services[1].manifest
    old, new = before.services[0].layers, after.services[0].layers
    assert list(old)[:-1] == list(new)[:-1]
    assert list(old)[-1] != list(new)[-1]


def test_an_edit_of_a_library_moves_those_that_use_it(teams: Clone, before: Built) -> None:
    path = "src/libs/shared/__init__.py"
    write(teams, {path: 'VALUE = "other"\n', "src/libs/unused/__init__.py": "# edited\n"})
    try:
        after = Built.make(teams)
    finally:
        write(teams, {each: FILES[each] for each in (path, "src/libs/unused/__init__.py")})
    # Not the framework: its layers are those of every other image.
    assert after.framework.manifest == before.framework.manifest
    for old, new in zip(before.services, after.services, strict=True):
        assert list(old.layers)[:-1] == list(new.layers)[:-1]
        assert list(old.layers)[-1] != list(new.layers)[-1]


@pytest.mark.parametrize(
    ("path", "text", "owner"),
    [
        ("src/apps/first/urls.py", "import apps.second.urls\n", "src/apps/second/urls.py"),
        ("src/libs/shared/__init__.py", "import apps.first.urls\n", "src/apps/first/urls.py"),
        ("src/fastapp/views.py", "import libs.shared\n", "src/libs/shared/__init__.py"),
        ("src/fastapp/views.py", "import humanize\n", "3rdparty/prod:services#humanize"),
    ],
    ids=["app", "library", "framework", "requirement"],
)
def test_who_may_use_whom(teams: Clone, path: str, text: str, owner: str) -> None:
    file = teams.root / path
    kept = file.read_text(encoding="utf-8")
    write(teams, {path: kept + text})
    try:
        with pytest.raises(CommandError) as error:
            teams.pants("dependencies", f"{path}@resolve=prod")
    finally:
        write(teams, {path: kept})
    for part in (path, owner, "dependency violation"):
        assert part in str(error.value)


@pytest.mark.parametrize("path", ["src/apps/first/urls.py", "src/libs/shared/__init__.py"])
def test_a_requirement_of_services(teams: Clone, path: str) -> None:
    write(teams, {path: FILES[path] + "import humanize\n"})
    try:
        used = teams.pants("dependencies", f"{path}@resolve=prod").output
    finally:
        write(teams, {path: FILES[path]})
    assert "3rdparty/prod:services#humanize@resolve=prod" in used


_APPS = 'apps=["src/apps/first"]'


@pytest.mark.parametrize(
    ("fields", "parts"),
    [
        (f'{_APPS}, cmd="python -V"', ("cmd='python -V'", "Fix: write cmd=['python', '-V']")),
        ('apps="src/apps/first"', ("apps='src/apps/first'", "Fix: write apps=['src/apps/first']")),
        (f'{_APPS}, dependencies="src/x"', ("dependencies='src/x'", "Fix: ")),
        (f'{_APPS}, settings="QK_X"', ("settings='QK_X'", "Fix: write settings=['QK_X']")),
        (f'{_APPS}, prefixes="first"', ("prefixes='first'", "Fix: write prefixes=['first']")),
        ("apps=[]", ("apps=[]", "Fix: ")),
        (f'{_APPS}, version="1+2"', ("'repo_tags'", "'first:1+2'", "Fix: ")),
    ],
    ids=["command", "apps", "dependencies", "settings", "prefixes", "no app", "version"],
)
def test_a_wrong_field_of_a_service(teams: Clone, fields: str, parts: tuple[str, ...]) -> None:
    path = "services/first/BUILD"
    write(teams, {path: f'fastapp_service(name="first", {fields})\n'})
    try:
        with pytest.raises(CommandError) as error:
            teams.pants("peek", "services/first:oci")
    finally:
        write(teams, {path: FILES[path]})
    for part in ("services/first", *parts):
        assert part in str(error.value)


def test_defaults_for_all_services(teams: Clone) -> None:
    where = "registry.example/services:1"
    write(teams, {"services/BUILD": f"__defaults__({{oci_image: dict(repositories=['{where}'])}})"})
    try:
        fields = teams.pants("peek", "services/first:oci").output
    finally:
        (teams.root / "services/BUILD").unlink()
    assert where in fields


def test_two_services_in_one_folder(teams: Clone) -> None:
    path = "services/first/BUILD"
    write(teams, {path: FILES[path] + FILES[path].replace('"first"', '"third"')})
    try:
        with pytest.raises(CommandError) as error:
            teams.pants("peek", "services/first:oci")
    finally:
        write(teams, {path: FILES[path]})
    for part in ("fastapp_service", "services/first:", "name='third'", "'runtime'", "Fix: "):
        assert part in str(error.value)


@pytest.mark.parametrize("files", [{}, {"src/apps/third/__init__.py": ""}], ids=["folder", "BUILD"])
@pytest.mark.parametrize("goal", ["dependencies", "peek"])
def test_an_app_that_is_missing_where_nothing_is_built(
    teams: Clone, goal: str, files: dict[str, str]
) -> None:
    path = "services/first/BUILD"
    write(teams, {path: FILES[path].replace("src/apps/first", "src/apps/third"), **files})
    try:
        with pytest.raises(CommandError) as error:
            teams.pants(goal, "services/first:runtime")
    finally:
        write(teams, {path: FILES[path]})
        shutil.rmtree(teams.root / "src/apps/third", ignore_errors=True)
    for part in ("'src/apps/third'", "Fix: ", "in services/first/BUILD", "`apps`"):
        assert part in str(error.value)


@pytest.mark.parametrize("files", [{}, {"src/apps/third/__init__.py": ""}], ids=["folder", "BUILD"])
def test_an_app_that_is_missing(teams: Clone, files: dict[str, str]) -> None:
    path = "services/first/BUILD"
    service = FILES[path].replace("src/apps/first", "src/apps/third")
    write(teams, {path: service, **files})
    try:
        with pytest.raises(CommandError) as error:
            teams.pants("package", "services/first:oci")
    finally:
        write(teams, {path: FILES[path]})
        shutil.rmtree(teams.root / "src/apps/third", ignore_errors=True)
    for part in ("services/first:oci", "'pex'", "'src/apps/third'", "Fix: ", "`apps`"):
        assert part in str(error.value)
