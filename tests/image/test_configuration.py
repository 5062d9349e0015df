"""Names, layout and configuration of the image."""

from __future__ import annotations

import re
from typing import Any

import pytest
from docker.models.images import Image

from image.engine import BOTH_NAMES, Engine
from image.inside import Report
from image.saved import SavedImage

pytestmark = pytest.mark.timeout(120)


def test_both_names_are_one_image(engine: Engine) -> None:
    ids = {name: engine.image(name).id for name in BOTH_NAMES}
    assert len(set(ids.values())) == 1, ids


def test_configuration(saved: SavedImage) -> None:
    config: dict[str, Any] = saved.config["config"]
    assert config["WorkingDir"] == "/app"
    assert config["Cmd"] == ["python", "manage.py", "about"], "exec form, no shell"
    assert not config.get("Entrypoint"), "a team's command is the whole command"
    assert list(config["ExposedPorts"]) == ["8000/tcp"]
    assert config["StopSignal"] == "SIGTERM"
    assert list(config["Volumes"]) == ["/var/lib/qingkong"]
    assert not config.get("OnBuild")
    assert saved.config["os"] == "linux"


def test_the_user_is_a_number_and_not_root(saved: SavedImage, report: Report) -> None:
    user = saved.config["config"]["User"]
    # Kubernetes cannot prove that a name is not root's.
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user), user
    uid, gid = map(int, user.split(":"))
    assert report["user"][:4] == [uid, uid, gid, gid]
    assert 0 not in report["user"], "not even a group of root's"


def test_environment(saved: SavedImage, base: Image, report: Report) -> None:
    own = {
        "PYTHONPATH": "/app",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        "TZ": "Asia/Shanghai",
        "QK_HOST": "0.0.0.0",
        "QK_DATA_DIR": "/var/lib/qingkong",
    }
    base_config: dict[str, Any] = base.attrs["Config"]
    below = dict(item.split("=", 1) for item in base_config["Env"])
    assert dict(item.split("=", 1) for item in saved.config["config"]["Env"]) == {**below, **own}
    assert own.items() <= report["environment"].items()
    assert report["folder"] == "/app"
    assert "/app" in report["search_path"]


def test_health_check(saved: SavedImage) -> None:
    check: dict[str, Any] = saved.config["config"]["Healthcheck"]
    form, program, *rest = check["Test"]
    assert (form, program) == ("CMD", "python"), "exec form: the image needs no shell for it"
    assert "/healthz/live" in rest[-1], "ready would restart the container when a database is away"
    assert 0 < check["Timeout"] < check["Interval"]
    assert check["Retries"] >= 2
    assert check["StartPeriod"] > 0


def test_labels(saved: SavedImage) -> None:
    labels: dict[str, str] = saved.config["config"]["Labels"]
    prefix = "org.opencontainers.image."
    found = {key.removeprefix(prefix): labels[key] for key in labels if key.startswith(prefix)}
    assert found["title"] == "QingKong (fastapp)"
    assert found["licenses"] == "MIT"
    assert "asyncmy" in found["description"]
    version = saved_version(saved)
    assert found["version"] == version, f"the framework in the image is {version}"


def saved_version(saved: SavedImage) -> str:
    """``__version__`` of the framework in the image."""
    text = saved.ours[-1].files["app/fastapp/__init__.py"].decode()
    found = re.search(r"^__version__ = \"([^\"]+)\"$", text, re.MULTILINE)
    assert found is not None
    return found[1]


def test_layout(saved: SavedImage) -> None:
    paths = {entry.path for entry in saved.own_entries}
    top = {path.split("/")[1] for path in paths if path.startswith("app/")}
    assert top == {"common", "fastapp", "manage.py"}
    for path in ("app/common/settings.py", "app/fastapp/__init__.py", "app/fastapp/py.typed"):
        assert path in paths


def test_only_sources_of_production(saved: SavedImage) -> None:
    # What `startproject` and `startapp` write, tests and BUILD files included, and the fixtures
    # that the framework gives to tests of apps, are part of the framework.
    shipped = ("app/fastapp/templates/", "app/fastapp/test/")
    files = [path for path in saved.ours[-1].files if not path.startswith(shipped)]
    others = [path for path in files if not re.search(r"\.py$|/py\.typed$", path)]
    assert others == [], "test data, notes or build files"
    tests = [p for p in files if re.search(r"/tests?/|/test_[^/]*\.py$|/conftest\.py$", p)]
    assert tests == []


def test_time_zone(saved: SavedImage, report: Report) -> None:
    link = saved.ours[0].entries["etc/localtime"].info
    assert (link.issym(), link.linkname) == (True, "/usr/share/zoneinfo/Asia/Shanghai")
    assert saved.ours[0].files["etc/timezone"] == b"Asia/Shanghai\n"
    assert "usr/share/zoneinfo/Asia/Shanghai" in saved.base_entries
    assert report["time_zone"].endswith("/zoneinfo/Asia/Shanghai")
    assert report["time_zone_names"][0] == "CST"
    assert report["utc_offset"] == 8 * 3600


def test_time_zone_without_the_variable(engine: Engine, image: Image) -> None:
    code = "import time; print(time.strftime('%Z %z'))"
    done = engine.run(image, "env", "-u", "TZ", "python", "-c", code)
    assert done.output == "CST +0800\n", done
