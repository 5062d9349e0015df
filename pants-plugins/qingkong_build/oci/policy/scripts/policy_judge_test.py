"""Rules of teams, waivers, and reports of what was judged."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
from image_view import read_image
from layout_builder import write_layout
from oci_layout import Layout
from policy_judge import OWN_RULES, Waiver, check_used, judge, load_rules, read_waivers
from policy_report import junit, text
from policy_rule import Finding, PolicyError, Subject, rule

REASON = "The vendor ships it so, and it is behind a proxy."
TEAM_RULE = """
from policy_rule import Finding, rule

@rule({id!r}, title="One", reason="Because.")
def one(subject):
    yield Finding("no", "app/one")
"""


@rule("TEST-001", title="Nothing is called x", reason="No one knows what it is.")
def no_x(subject: Subject) -> Iterator[Finding]:
    for path in subject.image.files:
        if path.endswith("x"):
            yield Finding("is called x.", path)


@rule("TEST-002", title="All is well", reason="It has to be.")
def fine(subject: Subject) -> Iterator[Finding]:
    yield from ()


@rule("TEST-003", title="It can be judged", reason="Or nothing is known.")
def broken(subject: Subject) -> Iterator[Finding]:
    yield Finding(subject.image.settings["Missing"])


@pytest.fixture
def subject(tmp_path: Path) -> Subject:
    layout = Layout(write_layout(tmp_path, [{"a/x": "", "b/x": "", "c": ""}], {}))
    (manifest,) = layout.images()
    return Subject(read_image(layout, manifest, 0))


def test_findings(subject: Subject) -> None:
    first, second = judge(subject, [no_x, fine], [])
    assert [str(x) for x in first.findings] == ["/a/x: is called x.", "/b/x: is called x."]
    assert (second.findings, second.waived) == ((), ())


@pytest.mark.parametrize(
    ("key", "left"),
    [("TEST-001", []), ("TEST-001:a/*", ["b/x"]), ("TEST-001:/b/x", ["a/x"])],
)
def test_waivers(subject: Subject, key: str, left: list[str]) -> None:
    waivers = read_waivers({key: REASON}, [no_x, fine])
    verdicts = judge(subject, [no_x, fine], waivers)
    assert [finding.path for finding in verdicts[0].findings] == left
    check_used(waivers, verdicts)


@pytest.mark.parametrize("key", ["TEST-002", "TEST-001:c"])
def test_an_unused_waiver(subject: Subject, key: str) -> None:
    waivers = read_waivers({key: REASON}, [no_x, fine])
    with pytest.raises(PolicyError, match=f"has '{key}', but the image has nothing that it would"):
        check_used(waivers, judge(subject, [no_x, fine], waivers))


@pytest.mark.parametrize("reason", ["", "   ", "legacy", "it is needed", "a b c d"])
def test_a_waiver_without_a_reason(reason: str) -> None:
    with pytest.raises(PolicyError, match="gives 'TEST-001' the reason"):
        read_waivers({"TEST-001": reason}, [no_x])


def test_a_waiver_of_no_rule() -> None:
    with pytest.raises(PolicyError, match="there is no rule 'TEST-009'. There are: TEST-001"):
        read_waivers({"TEST-009:a/*": REASON}, [no_x])


def test_a_rule_that_fails(subject: Subject) -> None:
    with pytest.raises(PolicyError, match="rule TEST-003 fails instead of judging: KeyError"):
        judge(subject, [broken], [])


def test_rules_of_a_team(tmp_path: Path, subject: Subject) -> None:
    file = tmp_path / "rules.py"
    file.write_text(TEAM_RULE.format(id="SHOP-001"))
    rules = load_rules([file])
    assert rules[:-1] == OWN_RULES
    (verdict,) = judge(subject, rules[-1:], [])
    assert verdict.findings == (Finding("no", "app/one"),)


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (TEAM_RULE.format(id="QK-IMG-001"), "has an id of the rules that come along"),
        (TEAM_RULE.format(id="shop"), "rule 'shop' has no id as rules have"),
        ("X = 1\n", "which defines no rule"),
        ("import no_such_module\n", "fails to load: ModuleNotFoundError: No module named"),
        ("def (\n", "fails to load: SyntaxError"),
        (TEAM_RULE.format(id="SHOP-001").replace("Because.", " "), "rule SHOP-001 has no reason"),
    ],
)
def test_bad_rules_of_a_team(tmp_path: Path, content: str, error: str) -> None:
    file = tmp_path / "rules.py"
    file.write_text(content)
    with pytest.raises(PolicyError, match=error):
        load_rules([file])


def test_two_rules_of_one_id(tmp_path: Path) -> None:
    files = [tmp_path / "one.py", tmp_path / "two.py"]
    for file in files:
        file.write_text(TEAM_RULE.format(id="SHOP-001"))
    with pytest.raises(PolicyError, match="rule SHOP-001 in .*two.py has the id of another one"):
        load_rules(files)


def test_text(subject: Subject) -> None:
    waivers = [Waiver("TEST-001:a/*", REASON)]
    assert text("linux/amd64", judge(subject, [no_x, fine], waivers)) == (
        "linux/amd64\n"
        "TEST-001    FAIL    Nothing is called x\n"
        "    /b/x: is called x.\n"
        f"    /a/x: is called x. Waived: {REASON}\n"
        "    Why: No one knows what it is.\n"
        "TEST-002    ok      All is well\n"
        "2 rules, 1 failed, 1 waived\n"
    )


def test_text_of_many_findings(subject: Subject) -> None:
    @rule("TEST-004", title="None", reason="None at all.")
    def many(subject: Subject) -> Iterator[Finding]:
        yield from (Finding(f"number {number}") for number in range(100))

    lines = text("", judge(subject, [many], [])).splitlines()
    assert "    number 19" in lines
    assert "    and 80 more" in lines
    assert "    number 20" not in lines


def test_report(subject: Subject) -> None:
    verdicts = judge(subject, [no_x, fine], [Waiver("TEST-001:a/*", REASON)])
    (suite,) = ElementTree.fromstring(junit("deploy:policy", [("linux/amd64", verdicts)]))
    first, second = suite
    assert suite.attrib == {"name": "deploy:policy linux/amd64", "tests": "2", "failures": "1"}
    assert first.attrib["name"] == "TEST-001 Nothing is called x"
    assert [child.tag for child in first] == ["failure", "system-out"]
    assert first[0].text == "/b/x: is called x."
    assert str(first[1].text).endswith(REASON)
    assert list(second) == []
