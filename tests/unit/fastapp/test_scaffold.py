"""``startproject`` and ``startapp``: what they make works, and they never leave half of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from unit.fastapp.support import manage

from fastapp.cli.scaffold import check_name, pants_fields, render, write, write_all
from fastapp.exceptions import CommandError


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Python in a folder, with the framework on its path and nothing of this project."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("QK_")}
    # What the build tool gives to pytest is not for the one that is started here.
    for name in ("FASTAPP_SETTINGS_MODULE", "PYTEST_ADDOPTS"):
        inherited.pop(name, None)
    framework = [os.path.abspath(entry) for entry in sys.path if entry]
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={
            **inherited,
            "PYTHONPATH": os.pathsep.join([str(folder), *framework]),
            # What a command makes is compared: bytecode is none of it.
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


def files_of(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_what_is_made_works(tmp_path: Path) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    made = run(folder, "-m", "fastapp", "startproject", "mysite")
    assert made.returncode == 0, made.stderr
    project = folder / "mysite"
    assert {"manage.py", "BUILD", "common/settings.py", ".env", ".gitignore"} <= files_of(project)
    assert (project / ".env").stat().st_mode & 0o077 == 0
    assert [path.name for path in folder.iterdir()] == ["mysite"]
    made = run(project, "manage.py", "startapp", "blog_posts")
    assert made.returncode == 0, made.stderr
    assert {"BUILD", "models.py", "views.py", "urls.py", "tests/BUILD"} <= files_of(
        project / "apps" / "blog_posts"
    )
    # The tests that were made, the migration that was made, and the project as a whole.
    tests = run(project, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    assert tests.returncode == 0, tests.stdout + tests.stderr
    assert "4 passed" in tests.stdout
    check = run(project, "manage.py", "check")
    assert (check.returncode, check.stdout) == (0, "0 error(s), 0 warning(s).\n"), check.stderr
    routes = run(project, "manage.py", "routes")
    assert "/blog_posts/items/{id:int}" in routes.stdout


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("class", "a keyword"),
        ("match", "a keyword"),
        ("json", "a module of Python's standard library"),
        ("pytest", "an installed package"),
        ("Shop", "expected lower-case letters"),
        ("1shop", "expected lower-case letters"),
        ("my-shop", "expected lower-case letters"),
        ("../shop", "expected lower-case letters"),
        ("läden", "expected lower-case letters"),
        ("", "expected lower-case letters"),
    ],
)
def test_names_that_are_refused(name: str, reason: str) -> None:
    with pytest.raises(CommandError) as failure:
        check_name("app", name)
    for part in (f"app name {name!r}: ", reason, "Fix: choose another name"):
        assert part in str(failure.value)


def test_a_folder_on_the_path_hides_nothing(project: Path) -> None:
    (project / "plainfolder").mkdir()
    check_name("project", "plainfolder")


def test_startapp_refuses(project: Path) -> None:
    outside = manage(project, "startapp", "blog")
    assert outside.returncode == 1
    for part in (f"there is no folder {project}/apps", "Fix: run this with the manage.py"):
        assert part in outside.stderr
    (project / "apps" / "blog").mkdir(parents=True)
    for name, reason in (
        ("blog", f"{project}/apps/blog exists; nothing was written"),
        ("docs", "app name 'docs': the framework serves /docs"),
        ("asyncio", "app name 'asyncio': it is a module of Python's standard library"),
    ):
        done = manage(project, "startapp", name)
        assert done.returncode == 1
        for part in (reason, "Fix: choose another name"):
            assert part in done.stderr
        assert "Traceback" not in done.stderr
    assert os.listdir(project / "apps") == ["blog"]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A project beside the framework's sources, as in the framework's own repository."""
    root = tmp_path / "work"
    root.mkdir()
    values = {"name": "src", "secret_key": "x" * 48, "test_fields": ""}
    write(root / "src", render("project", values))
    (root / "pants.toml").touch()
    (root / "src/fastapp").mkdir()
    return root


def test_startapp_makes_a_service(repository: Path) -> None:
    made = run(repository / "src", "manage.py", "startapp", "blog")
    assert made.returncode == 0, made.stderr
    assert "pants package services/blog:image" in made.stdout
    text = (repository / "services/blog/BUILD").read_text(encoding="utf-8")
    assert text == 'fastapp_service(\n    name="blog",\n    apps=["src/apps/blog"],\n)\n'
    assert (repository / "src/apps/blog/urls.py").is_file()


def test_an_app_and_its_service_are_made_together_or_not(repository: Path) -> None:
    (repository / "services/blog").mkdir(parents=True)
    before = files_of(repository)
    made = run(repository / "src", "manage.py", "startapp", "blog")
    assert made.returncode == 1
    for part in (f"{repository}/services/blog", "nothing was written", "Fix: "):
        assert part in made.stderr
    assert files_of(repository) == before


@pytest.mark.parametrize("is_dangling", [False, True])
def test_no_folder_for_services(repository: Path, is_dangling: bool) -> None:
    services = repository / "services"
    if is_dangling:
        services.symlink_to("nowhere")
    else:
        services.write_text("a file", encoding="utf-8")
    before = files_of(repository)
    made = run(repository / "src", "manage.py", "startapp", "blog")
    assert made.returncode == 1
    assert "Traceback" not in made.stderr
    for part in (f"{services}", "nothing was written", "Fix: "):
        assert part in made.stderr
    assert files_of(repository) == before
    assert not (repository / "src/apps/blog").exists()


@pytest.mark.parametrize("has_services", [False, True])
def test_a_service_that_cannot_be_written_leaves_no_app(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_services: bool
) -> None:
    app, service = tmp_path / "apps/blog", tmp_path / "services/blog"
    app.parent.mkdir()
    if has_services:
        service.parent.mkdir()
    real = Path.rename

    def fail_for_the_service(self: Path, to: Path) -> Path:
        if to == service:
            raise OSError(28, "No space left on device")
        return real(self, to)

    monkeypatch.setattr(Path, "rename", fail_for_the_service)
    with pytest.raises(CommandError, match=r"cannot write .*services/blog: No space left.*Fix: "):
        write_all({app: {"a.py": ""}, service: {"BUILD": ""}})
    assert os.listdir(app.parent) == []
    assert service.parent.exists() == has_services
    assert not has_services or os.listdir(service.parent) == []


def test_a_folder_that_existed_before_stays(tmp_path: Path) -> None:
    app, service = tmp_path / "blog", tmp_path / "no/such/blog"
    app.mkdir()
    (app / "mine.py").write_text("mine", encoding="utf-8")
    with pytest.raises(CommandError) as failure:
        write_all({app: {"a.py": ""}, service: {"BUILD": ""}})
    for part in (f"{app} exists; nothing was written", "Fix: choose another name, or remove it"):
        assert part in str(failure.value)
    assert files_of(tmp_path) == {"blog/mine.py"}


@pytest.mark.parametrize("name", ["blog_", "my___blog"])
def test_a_name_that_no_image_can_have(repository: Path, name: str) -> None:
    before = files_of(repository)
    made = run(repository / "src", "manage.py", "startapp", name)
    assert made.returncode == 1
    for part in (repr(name), "image", "Fix: "):
        assert part in made.stderr
    assert files_of(repository) == before


def test_an_app_is_to_be_installed_by_who_names_the_apps(project: Path) -> None:
    (project / "apps").mkdir()
    done = manage(project, "startapp", "blog", QK_INSTALLED_APPS="[]")
    assert "add 'apps.blog' to INSTALLED_APPS" in done.stdout


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    target = tmp_path / "site"
    target.mkdir()
    (target / "manage.py").write_text("mine", encoding="utf-8")
    with pytest.raises(CommandError, match=r"manage.py exists; nothing was written\. Fix: "):
        write(target, {"a.py": "", "manage.py": "theirs", "sub/b.py": ""})
    assert files_of(target) == {"manage.py"}
    assert (target / "manage.py").read_text(encoding="utf-8") == "mine"
    # What is not in the way stays.
    write(target, {"a.py": "1", "sub/b.py": "2"})
    assert files_of(target) == {"manage.py", "a.py", "sub/b.py"}
    (tmp_path / "file").touch()
    with pytest.raises(CommandError, match=r"file exists and is no folder; .*Fix: "):
        write(tmp_path / "file", {"a.py": ""})
    with pytest.raises(CommandError, match=r"there is no folder .*/no; .*Fix: make it"):
        write(tmp_path / "no" / "such", {"a.py": ""})


@pytest.mark.parametrize("existed", [True, False])
def test_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, existed: bool
) -> None:
    target = tmp_path / "site"
    if existed:
        target.mkdir()
    real = Path.rename
    calls = []

    def fail_later(self: Path, to: Path) -> Path:
        calls.append(self.name)
        if len(calls) == (2 if existed else 1):
            raise OSError(28, "No space left on device")
        return real(self, to)

    monkeypatch.setattr(Path, "rename", fail_later)
    with pytest.raises(CommandError, match=r"cannot write .*: No space left.*Fix: "):
        write(target, {"a.py": "", "b.py": "", "c/d.py": ""})
    assert os.listdir(tmp_path) == (["site"] if existed else [])
    assert not existed or os.listdir(target) == []


def test_templates_are_texts_with_names_and_never_run(tmp_path: Path) -> None:
    values = {"name": "x", "class_name": "X", "secret_key": "k", "test_fields": ""}
    for template in ("project", "app"):
        for path, text in render(template, values).items():
            assert "$name" not in text
            if path.endswith(".py"):
                compile(text, path, "exec")
    with pytest.raises(CommandError, match=r"template app/.*'class_name'.*Fix: "):
        render("app", {"name": "x"})


def test_build_files_name_what_is_loaded_by_name(tmp_path: Path) -> None:
    project = tmp_path / "code" / "site"
    project.mkdir(parents=True)
    assert '"apps/x",' in pants_fields(project, "apps/x")
    (tmp_path / "pants.toml").touch()
    alone = pants_fields(project, "apps/x")
    assert '"code/site/apps/x",' in alone
    assert "resolve" not in alone
    (tmp_path / "src" / "fastapp").mkdir(parents=True)
    inside = pants_fields(project, "apps/x", "common")
    assert 'resolve="dev",' in inside
    for address in ("code/site/apps/x", "code/site/common", "src/fastapp", "src/fastapp/test"):
        assert f'"{address}",' in inside
    shutil.rmtree(tmp_path / "src")
