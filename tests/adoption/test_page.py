"""What tests read of docs/adopt.md, and that they run all of its commands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from adoption.page import PAGE, read_section

TEXT = """\
# Title

## Set up

```toml
# pants.toml
[GLOBAL]
a = 1
```

## Build

```toml
# pants.toml, [GLOBAL]
b = 2
```

```console
$ pants list ::
$ pants test ::
```

```dockerfile
FROM scratch
```
"""


def test_a_section() -> None:
    assert read_section("Set up", TEXT).files == {"pants.toml": "[GLOBAL]\na = 1\n"}
    build = read_section("Build", TEXT)
    assert not build.files
    assert build.parts == {("pants.toml", "[GLOBAL]"): "b = 2\n"}
    assert build.commands == [["pants list ::", "pants test ::"]]
    with pytest.raises(ValueError, match="not enough values"):
        read_section("Nothing", TEXT)


def test_every_command_is_run() -> None:
    """Each section with commands is named by a test beside this one, which runs all of it."""
    text = PAGE.read_text(encoding="utf-8")
    titles = re.findall(r"^## (.*)$", text, re.M)
    with_commands = {title for title in titles if read_section(title).commands}
    beside = [path for path in Path(__file__).parent.glob("*.py") if path != Path(__file__)]
    run = "".join(path.read_text(encoding="utf-8") for path in sorted(beside))
    assert {title for title in with_commands if f'"{title}"' in run} == with_commands
    assert with_commands
