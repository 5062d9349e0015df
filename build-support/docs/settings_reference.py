"""Write docs/settings.md out of the declarations in src/fastapp/conf/base.py.

    python3 build-support/docs/settings_reference.py [--check]

With --check nothing is written, and the exit code is 1 when the page is not current. The source is
read and not imported: the comments above a field are the descriptions of the page. Standard library
only.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
SOURCE = ROOT / "src" / "fastapp" / "conf" / "base.py"
PAGE = ROOT / "docs" / "settings.md"
SETTINGS_CLASS = "BaseSettings"

PLANNED = ROOT / "src" / "fastapp" / "conf" / "planned.py"

INTRODUCTION = """\
# Settings

Override a setting in `common/settings.py`:

```python
from fastapp.conf import BaseSettings


class Settings(BaseSettings):
    TIME_ZONE = "Europe/Berlin"


settings = Settings()
```

or in the environment, with `QK_` before its name:

```console
$ QK_TIME_ZONE=Europe/Berlin python manage.py check
```

| a value comes from | example |
| --- | --- |
| the environment, first | `QK_PORT=9000` |
| `.env` beside `manage.py` | `QK_PORT=9000` |
| the settings module | `PORT = 9000` |

| in the environment | example |
| --- | --- |
| a list: commas, or JSON | `QK_ALLOWED_HOSTS=a.example,b.example` |
| a mapping: JSON | `QK_UPSTREAMS='{"shop": "http://10.0.0.5:20001"}'` |
| one key of a mapping: `__` | `QK_DATABASES__default__HOST=db` |

`FASTAPP_SETTINGS_MODULE` names the settings module; the default is `common.settings`.
`python manage.py about` prints the resulting settings with secrets masked.

## Databases

`OPTIONS` in `DATABASES` limit how long a request waits for a database. The request is 503 then, and
the log says what was waited for; 0 is no limit:

```console
$ export QK_DATABASES__default__OPTIONS__read_timeout=120
```

| option | of | default | seconds |
| --- | --- | --- | --- |
| `pool_timeout` | MySQL, MariaDB, PostgreSQL | 20 | until there is a connection, free or new |
| `read_timeout` | MySQL, MariaDB | 30 in servers, none in commands | until more of an answer |
| `command_timeout` | PostgreSQL | 30 in servers, none in commands | until a statement is done |

Only servers limit statements: a migration may take hours. A wait for a
connection and one for a statement are together less than the gateway's for a service
(`GATEWAY_READ_TIMEOUT`), so that their request is 503 and not 504.

The tests run on SQLite and on Debian 12's MariaDB and PostgreSQL. None runs on a server of MySQL
itself, which Debian does not package.

## Mistakes

A wrong value ends every command with one line that names the place, the setting, the value and the
fix:

```text
Error: settings in the environment: QK_PORT='many': expected a valid integer, unable to \
parse string as an integer. Fix: change QK_PORT in the environment.
```

A `QK_` variable that no setting reads, such as `QK_ALOWED_HOSTS`, is a warning with the nearest
name: `check` prints it, and servers log it when they start. So is a field of your `Settings` class
that is nearly called like one of the framework's. `check` also imports what settings name, applies
`LOGGING` and builds the gateway's routing; `check --fail-level warning` fails on warnings too.

`python3 build-support/docs/settings_reference.py` generates the tables below from
[`src/fastapp/conf/base.py`](../src/fastapp/conf/base.py).
"""

PLANNED_INTRODUCTION = """
## Not settings yet

Django has these, and so had the earlier framework of this name. The part that would read them does
not exist here yet; one that you set is a warning.

| setting | missing part |
| --- | --- |
"""

_TYPES = {
    "str": "string",
    "int": "integer",
    "float": "number",
    "bool": "true or false",
    "Path": "path",
    "Path | None": "path",
    "StringList": "list of strings",
    "DatabaseMapping": "mapping, or one URL",
}
_LIMITS = {"ge": "at least {}", "gt": "more than {}", "le": "at most {}", "lt": "less than {}"}


@dataclass(frozen=True)
class Setting:
    """One field.

    Attributes:
        section: the heading it stands under.
        name: without QK_.
        kind: what it takes, in words.
        default: its source, or "" when it is computed at start.
        text: the comment above it.
    """

    section: str
    name: str
    kind: str
    default: str
    text: str


def settings_of(source: str) -> Iterator[Setting]:
    """The fields of BaseSettings, in order."""
    lines = source.splitlines()
    tree = ast.parse(source)
    body = next(
        node.body
        for node in tree.body
        if isinstance(node, ast.ClassDef) and node.name == SETTINGS_CLASS
    )
    section = ""
    for node in body:
        if not (isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)):
            continue
        comments, heading = _comments_above(lines, node.lineno - 1)
        section = heading or section
        default, limits = _default(node.value)
        kind = _kind(node.annotation)
        kind = f"{kind}, {limits}" if limits else kind
        yield Setting(section, node.target.id, kind, default, comments)


def planned_of(source: str) -> dict[str, str]:
    """PLANNED: settings without a part, and the part."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "PLANNED":
            found: dict[str, str] = ast.literal_eval(node.value) if node.value else {}
            return found
    raise LookupError("PLANNED")


def page(source: str, planned: str) -> str:
    """The page.

    Args:
        source: of the settings class.
        planned: source that declares PLANNED.
    """
    parts = [INTRODUCTION]
    section = None
    for setting in settings_of(source):
        if setting.section != section:
            section = setting.section
            parts.append(
                f"\n## {section}\n\n| setting | type | default | |\n| --- | --- | --- | --- |\n"
            )
        default = f"`{_cell(setting.default)}`" if setting.default else "computed at start"
        parts.append(
            f"| `{setting.name}` | {_cell(setting.kind)} | {default} | {_cell(setting.text)} |\n"
        )
    parts.append(PLANNED_INTRODUCTION)
    parts.extend(f"| `{name}` | {part} |\n" for name, part in planned_of(planned).items())
    return "".join(parts)


def _comments_above(lines: list[str], number: int) -> tuple[str, str]:
    """The ``#:`` lines above a line, and the heading above those."""
    texts: list[str] = []
    heading = ""
    while number > 0:
        number -= 1
        line = lines[number].strip()
        if line.startswith("#:"):
            texts.insert(0, line[2:].strip().replace("``", "`"))
        elif line.startswith("#"):
            # What follows the first words is for readers of the source.
            heading = re.split("[:;(]", line[1:])[0].strip()
            break
        else:
            break
    return " ".join(texts), heading


def _kind(annotation: ast.expr) -> str:
    text = ast.unparse(annotation)
    if text.startswith("Literal["):
        return " or ".join(f"`{value}`" for value in re.findall(r"'([^']*)'", text))
    if text in _TYPES:
        return _TYPES[text]
    return "mapping" if text.startswith("dict[") else "list" if text.startswith("list[") else text


def _default(value: ast.expr | None) -> tuple[str, str]:
    """Source of the default, and the limits in words."""
    if isinstance(value, ast.Call) and ast.unparse(value.func) == "Field":
        options = {one.arg: ast.unparse(one.value) for one in value.keywords}
        limits = [words.format(options[key]) for key, words in _LIMITS.items() if key in options]
        return _plain(options.get("default", "")), ", ".join(limits)
    return _plain("" if value is None else ast.unparse(value)), ""


def _plain(default: str) -> str:
    """A default as the environment would say it, where that is easy to read."""
    product = re.fullmatch(r"\d+(?: \* \d+)+", default)
    if product:
        total = 1
        for factor in default.split(" * "):
            total *= int(factor)
        return str(total)
    return {"True": "true", "False": "false", "None": "not set", "''": "not set"}.get(
        default, default
    )


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main() -> int:
    """Write the page, or check it."""
    made = page(SOURCE.read_text(encoding="utf-8"), PLANNED.read_text(encoding="utf-8"))
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(made, encoding="utf-8")
        return 0
    if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == made:
        return 0
    print(
        f"{PAGE.relative_to(ROOT)} is not current: run python3 {Path(__file__).relative_to(ROOT)}"
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
