"""What was judged, for people and as a JUnit report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from xml.etree import ElementTree

from policy_judge import Verdict

# A mistake in a recipe may be in each of a thousand files.
_MOST_LINES = 20


def text(image: str, verdicts: Sequence[Verdict]) -> str:
    """A line for each rule, and below it what is wrong, and what is waived with its reason."""
    lines = [image]
    for verdict in verdicts:
        word = "FAIL" if verdict.findings else "waived" if verdict.waived else "ok"
        lines.append(f"{verdict.rule.id:<11} {word:<7} {verdict.rule.title}")
        lines += [f"    {line}" for line in _shortened([str(x) for x in verdict.findings])]
        waived = [f"{finding} Waived: {by.reason}" for finding, by in verdict.waived]
        lines += [f"    {line}" for line in _shortened(waived)]
        if verdict.findings:
            lines.append(f"    Why: {verdict.rule.reason}")
    failed = sum(1 for verdict in verdicts if verdict.findings)
    waived_rules = sum(1 for verdict in verdicts if verdict.waived)
    lines.append(f"{len(verdicts)} rules, {failed} failed, {waived_rules} waived")
    return "\n".join(lines) + "\n"


def junit(target: str, images: Sequence[tuple[str, Sequence[Verdict]]]) -> bytes:
    """A suite for each image, a case for each rule. What is waived passes, and says so."""
    root = ElementTree.Element("testsuites")
    for image, verdicts in images:
        suite = ElementTree.SubElement(root, "testsuite", name=f"{target} {image}")
        suite.set("tests", str(len(verdicts)))
        suite.set("failures", str(sum(1 for verdict in verdicts if verdict.findings)))
        for verdict in verdicts:
            name = f"{verdict.rule.id} {verdict.rule.title}"
            case = ElementTree.SubElement(suite, "testcase", classname=target, name=name)
            if verdict.findings:
                findings = "\n".join(str(finding) for finding in verdict.findings)
                failure = ElementTree.SubElement(case, "failure", message=str(verdict.findings[0]))
                failure.text = findings
            if verdict.waived:
                out = ElementTree.SubElement(case, "system-out")
                out.text = "\n".join(f"{x} Waived: {by.reason}" for x, by in verdict.waived)
    ElementTree.indent(root)
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))


def junit_error(target: str, message: str) -> bytes:
    """One case that failed: nothing could be judged."""
    suite = ElementTree.Element("testsuite", name=target, tests="1", failures="1")
    case = ElementTree.SubElement(suite, "testcase", classname=target, name="the policy")
    ElementTree.SubElement(case, "failure", message=message)
    return bytes(ElementTree.tostring(suite, encoding="utf-8", xml_declaration=True))


def _shortened(lines: list[str]) -> Iterator[str]:
    yield from lines[:_MOST_LINES]
    if len(lines) > _MOST_LINES:
        yield f"and {len(lines) - _MOST_LINES} more"
