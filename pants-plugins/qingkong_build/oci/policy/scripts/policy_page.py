"""Write docs/image-policy.md out of the rules.

    python3 pants-plugins/qingkong_build/oci/policy/scripts/policy_page.py [--check]

With --check nothing is written, and the exit code is 1 when the page is not current.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from policy_rule import Rule

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[4]
PAGE = ROOT / "docs" / "image-policy.md"

INTRODUCTION = """\
# What an image must be

Written by `python3 pants-plugins/qingkong_build/oci/policy/scripts/policy_page.py` from the rules
[beside it](../pants-plugins/qingkong_build/oci/policy/scripts); change it there.

```python
image_policy(name="policy", image=":oci")
```

is a test of the image that `:oci` builds. It reads the OCI layout: no engine and no container is
needed, and the result is cached until the image, the policy or the machine's mirrors change.

```console
$ ./pants test deploy:policy
$ ./pants test deploy:policy --test-output=all    # a line for each rule
```

The JUnit report has a case for each rule. What only a running container can show (a read-only
root, no capabilities, no new privileges, the time zone that Python sees) is tested by
`tests/image`.

## What the image runs

```python
image_policy(name="policy", image=":oci", profile="worker")
```

| `profile` | need not have |
| --- | --- |
| `service`, the default | |
| `worker`: runs until it is stopped | an exposed port, a health check |
| `command`: ends by itself | these, and a stop signal |

What an image has of these is judged all the same.

## Waive a rule

```python
image_policy(
    name="policy",
    image=":oci",
    waivers={
        "QK-IMG-010": "Our supervisor ends the server by SIGINT, which it knows.",
        "QK-IMG-007:app/shop/example_*": "Made-up keys, for the documentation of the API.",
    },
)
```

The first waives a rule, the second what it says of some files (`*` matches `/` too). A reason of a
word or two is an error, and so is a waiver that nothing needs any more. Reports show both, the
finding and the reason.

## Add rules

```python
image_policy(name="policy", image=":oci", extra_rules=["shop_rules.py"])
```

```python
from policy_rule import Finding, rule

@rule(
    "SHOP-001",
    title="The catalogue is in the image",
    reason="The shop starts with what is in the image; without it the first page is empty.",
)
def catalogue(subject):
    if subject.image.resolve("/app/apps/catalogue.json") is None:
        yield Finding("there is no catalogue. Run `make catalogue`.", "app/apps/catalogue.json")
```

`subject.image` has `files` (what a container sees), `added` (what our layers bring), `layers`,
`settings`, `environment`, `resolve(path)` and `below(path)`; an entry has `path`, `kind`, `mode`,
`info` (of `tarfile`) and `read()`. Rules import the standard library, `policy_rule` and
`image_view`.

## The rules
"""


def page(rules: Iterable[Rule]) -> str:
    """The page."""
    parts = [INTRODUCTION]
    for rule in rules:
        parts.append(f"\n### {rule.id}: {rule.title}\n\n{_wrapped(rule.reason)}\n")
        if rule.stands_for:
            parts.append(f"\nStands for: {'; '.join(rule.stands_for)}.\n")
    return "".join(parts)


def _wrapped(text: str, width: int = 100) -> str:
    lines, line = [], ""
    for word in text.split():
        if len(line) + len(word) >= width:
            lines.append(line)
            line = ""
        line = f"{line} {word}".strip()
    return "\n".join([*lines, line])


def main() -> int:
    """Write the page, or check it."""
    # Beside this file, and those of the plugin that reads layouts.
    sys.path.append(str(HERE.parent.parent / "layout" / "scripts"))
    from policy_judge import OWN_RULES

    made = page(OWN_RULES)
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(made, encoding="utf-8")
        return 0
    if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == made:
        return 0
    print(f"{PAGE.relative_to(ROOT)} is not current: run python3 {Path(__file__).name}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
