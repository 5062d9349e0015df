"""What tests read of a page of docs/."""

from __future__ import annotations

from pages import sections

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
what it prints
$ pants test \\
    --force ::
```

```dockerfile
FROM scratch
```
"""


def test_sections() -> None:
    found = sections(TEXT)
    assert set(found) == {"Set up", "Build"}
    assert found["Set up"].files == {"pants.toml": "[GLOBAL]\na = 1\n"}
    build = found["Build"]
    assert not build.files
    assert build.parts == {("pants.toml", "[GLOBAL]"): "b = 2\n"}
    assert build.commands == [["pants list ::", "pants test \\\n    --force ::"]]
    assert build.script == "pants list ::\npants test \\\n    --force ::\n"
