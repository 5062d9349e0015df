"""The app on README's first screen, as it is printed there."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
from unit.fastapp.support import manage

from fastapp.test.client import app_client

BLOCK = re.compile(r"```python\n# (apps/\S+)\n(.*?)```", re.DOTALL)


PAGES = ["README.md", "README.zh-CN.md"]


@pytest.mark.parametrize("page", PAGES)
def test_an_image_is_built_above_where_it_is_run(page: str) -> None:
    text = Path(page).read_text(encoding="utf-8")
    build = "docker build -t "
    assert text.count(build) == 1
    name = text.partition(build)[2].split()[0]
    assert text.index(name) == text.index(build + name) + len(build)


@pytest.mark.parametrize("page", PAGES)
def test_the_app_runs(page: str, project: Path) -> None:
    text = Path(page).read_text(encoding="utf-8")
    files = dict(BLOCK.findall(text))
    assert set(files) == {"apps/shop/models.py", "apps/shop/urls.py"}
    lines = [line for source in files.values() for line in source.splitlines() if line.strip()]
    assert len(lines) <= 10
    for name, source in {**files, "apps/__init__.py": "", "apps/shop/__init__.py": ""}.items():
        file = project / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(source, encoding="utf-8")
    for command in ("makemigrations shop", "migrate"):
        assert f"$ python manage.py {command}\n" in text
        done = manage(project, *command.split(), QK_DEBUG="1")
        assert done.returncode == 0, done.stderr
    assert asyncio.run(get("/shop/products")) == (200, [])


async def get(url: str) -> tuple[int, object]:
    async with app_client("apps.shop") as client:
        answer = await client.get(url)
        return answer.status_code, answer.json()
