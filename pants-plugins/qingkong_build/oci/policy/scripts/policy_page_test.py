"""docs/image-policy.md says what the rules say, and its example is a rule."""

from __future__ import annotations

import re
from pathlib import Path

from policy_judge import OWN_RULES, load_rules
from policy_page import PAGE, page


def test_the_page_is_current() -> None:
    assert page(OWN_RULES) == PAGE.read_text(encoding="utf-8"), (
        "run: python3 pants-plugins/qingkong_build/oci/policy/scripts/policy_page.py"
    )


def test_every_rule_is_there() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert re.findall(r"^### (\S+):", text, re.MULTILINE) == [rule.id for rule in OWN_RULES]


def test_the_example_is_a_rule(tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (example,) = (block for block in blocks if block.startswith("from policy_rule"))
    file = tmp_path / "shop_rules.py"
    file.write_text(example)
    assert load_rules([file])[-1].id == "SHOP-001"
