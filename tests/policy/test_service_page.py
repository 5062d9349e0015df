"""docs/your-service.md has the fields that `fastapp_service` takes."""

from __future__ import annotations

import ast
import re
from pathlib import Path

PAGE = Path("docs/your-service.md")
PRELUDE = Path("build-support/prelude/service.py")


def documented() -> list[str]:
    """The fields in the first column of the page's table."""
    _, _, rest = PAGE.read_text(encoding="utf-8").partition("\n## Fields\n")
    section, _, _ = rest.partition("\n## ")
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return [field for row in rows for field in re.findall(r"`(\w+)`", row)]


def taken() -> list[str]:
    module = ast.parse(PRELUDE.read_text(encoding="utf-8"))
    (function,) = (
        each
        for each in module.body
        if isinstance(each, ast.FunctionDef) and each.name == "fastapp_service"
    )
    return [argument.arg for argument in function.args.args]


def test_each_field_is_on_the_page() -> None:
    fields = documented()
    assert "name" in fields, "the page was read wrongly"
    assert sorted(fields) == sorted(taken())
