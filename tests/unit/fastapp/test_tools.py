"""``openapi``, ``shell``, ``test``: each as a process, as a developer runs it."""

from __future__ import annotations

import json
from pathlib import Path

from unit.fastapp.support import SECRET, MakeApp, manage

from fastapp.asgi.openapi import add_document

VIEWS = """
from fastapp.urls import path
from pydantic import BaseModel

class Thing(BaseModel):
    {field}: int

async def view() -> Thing: ...

urlpatterns = [path("thing", view, name="thing")]
"""
OWN = "from fastapi import FastAPI\napp = FastAPI()\n"
MODELS = """
from fastapp.db import models

class {name}(models.Model):
    name = models.CharField(max_length=10)

    class Meta:
        table = "{table}"
"""


def test_openapi_merges_mounted_applications(project: Path, make_app: MakeApp) -> None:
    make_app("apps.one", urls=VIEWS.format(field="one"))
    make_app("apps.two", urls=VIEWS.format(field="two"), asgi=OWN)
    document = json.loads(manage(project, "openapi").stdout)
    assert {"/one/thing", "/two/thing", "/healthz/live"} <= set(document["paths"])
    schemas = document["components"]["schemas"]
    # Two of one name and two contents stay two.
    assert set(schemas["Thing"]["properties"]) == {"one"}
    assert set(schemas["two_Thing"]["properties"]) == {"two"}
    answer = document["paths"]["/two/thing"]["get"]["responses"]["200"]
    assert answer["content"]["application/json"]["schema"]["$ref"].endswith("/two_Thing")


def test_openapi_of_one_app_into_a_file(project: Path, make_app: MakeApp) -> None:
    for name in ("one", "two"):
        make_app(f"apps.{name}", urls=VIEWS.format(field="x"))
    done = manage(project, "openapi", "--app", "two", "--output", "api.json")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    paths = json.loads((project / "api.json").read_text(encoding="utf-8"))["paths"]
    assert "/two/thing" in paths
    assert "/one/thing" not in paths
    unknown = manage(project, "openapi", "--app", "three")
    assert unknown.returncode == 2
    assert "no installed app has the label 'three' (known: one, two)" in unknown.stderr
    nowhere = manage(project, "openapi", "--output", "no/such/api.json")
    assert nowhere.returncode == 1
    assert (
        "Error: cannot write no/such/api.json: No such file or directory. Fix: " in nowhere.stderr
    )


def test_equal_components_are_shared() -> None:
    component = {"schemas": {"A": {"type": "object"}}}
    document = {"paths": {}, "components": {"schemas": {"A": {"type": "object"}}}}
    reference = {"/x": {"get": {"$ref": "#/components/schemas/A"}}}
    add_document(document, {"paths": reference, "components": component}, "/two", "two")
    assert document == {
        "paths": {"/two/x": {"get": {"$ref": "#/components/schemas/A"}}},
        "components": component,
    }


def test_shell_has_the_models_and_awaits(project: Path, make_app: MakeApp) -> None:
    make_app("apps.one", models=MODELS.format(name="Thing", table="t1"), urls="urlpatterns = []")
    make_app("apps.two", models=MODELS.format(name="Thing", table="t2"), urls="urlpatterns = []")
    make_app("apps.three", models=MODELS.format(name="Other", table="t3"), urls="urlpatterns = []")
    code = (
        "import asyncio\n"
        "async def twice(x):\n    await asyncio.sleep(0)\n    return 2 * x\n"
        "print(await twice(21), Other.__name__, one_Thing is two_Thing, len(apps))\n"
        "print([await twice(n) for n in (1, 2)], settings.TIME_ZONE)"
    )
    done = manage(project, "shell", "-c", code)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "42 Other False 3\n[2, 4] Asia/Shanghai\n"
    failed = manage(project, "shell", "-c", "await Other.objects.count()")
    assert failed.returncode == 1
    assert "no such table: t3" in failed.stderr
    assert manage(project, "shell", "-c", "raise SystemExit(7)").returncode == 7
    broken = manage(project, "shell", "-c", "x = (")
    assert broken.returncode == 1
    assert "SyntaxError" in broken.stderr


TESTS = """
import pytest

pytestmark = pytest.mark.asyncio

async def test_the_client(client):
    answer = await client.get("/one/thing")
    assert answer.json() == {"one": 1}

def test_no(): assert False
"""


def test_test_runs_pytest_with_the_fixtures(project: Path, make_app: MakeApp) -> None:
    urls = VIEWS.format(field="one").replace("...", "return Thing(one=1)")
    make_app("apps.one", urls=urls)
    (project / "apps" / "one" / "test_one.py").write_text(TESTS, encoding="utf-8")
    # What the build tool gives to pytest is not for this one.
    environment = {"QK_SECRET_KEY": SECRET, "PYTEST_ADDOPTS": ""}
    done = manage(project, "test", "-q", "-p", "no:cacheprovider", **environment)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 failed, 1 passed" in done.stdout
    assert "test_one.py::test_no" in done.stdout
    none = manage(project, "test", "-q", "-p", "no:cacheprovider", "-k", "else", **environment)
    assert none.returncode == 5


def test_test_says_what_is_missing(project: Path) -> None:
    code = (
        "import importlib.util as u; real = u.find_spec; "
        "u.find_spec = lambda n, *a: None if n == 'httpx' else real(n, *a); "
        "import runpy; sys.argv = ['manage.py', 'test']; from fastapp.cli import main; main()"
    )
    done = manage(project, "--version", code=code)
    assert done.returncode == 1
    assert "Error: 'test' needs httpx, which is not installed. Fix: " in done.stderr
