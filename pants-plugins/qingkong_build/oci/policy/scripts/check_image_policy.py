"""Judge the images of an OCI layout by the policy.

    check_image_policy.py SPECIFICATION REPORT

SPECIFICATION is JSON (see `oci/policy/rules.py`, which writes it). Prints a line for each rule,
writes the JUnit report, and exits 1 where a rule is broken, 2 where the policy itself or the
layout is at fault.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from image_view import read_image
from oci_layout import Layout, LayoutError
from policy_judge import check_used, judge, load_rules, read_waivers
from policy_report import junit, junit_error, text
from policy_rule import Machine, PolicyError, Subject


def locked_names(lockfile: Path) -> set[str]:
    """Normalised names of what a lockfile of Pants locks."""
    lines = lockfile.read_text(encoding="utf-8").splitlines()
    document = json.loads("\n".join(line for line in lines if not line.startswith("//")))
    return {
        re.sub(r"[-_.]+", "-", requirement["project_name"]).lower()
        for resolve in document["locked_resolves"]
        for requirement in resolve["locked_requirements"]
    }


def development_only(spec: dict[str, Any]) -> frozenset[str]:
    """Names that are locked for development, and not for production."""
    names: set[str] = set()
    for lockfile in spec["development_lockfiles"]:
        names |= locked_names(Path(lockfile))
    for lockfile in spec["production_lockfiles"]:
        names -= locked_names(Path(lockfile))
    return frozenset(names)


def check(spec: dict[str, Any], report: Path) -> int:
    """Judge every image of the layout; the exit code."""
    rules = load_rules(Path(file) for file in spec["extra_rules"])
    waivers = read_waivers(spec["waivers"], rules)
    layout = Layout(Path(spec["layout"]))
    machine = Machine(tuple(spec["machine"]["exact"]), tuple(spec["machine"]["hosts"]))
    development = development_only(spec)
    judged = []
    for manifest in layout.images():
        image = read_image(layout, manifest, spec["base_layers"])
        subject = Subject(image, machine, development, spec["profile"])
        verdicts = judge(subject, rules, waivers)
        judged.append((f"{manifest.platform} {manifest.digest}", verdicts))
    check_used(waivers, [verdict for _, verdicts in judged for verdict in verdicts])
    report.write_bytes(junit(spec["target"], judged))
    for name, verdicts in judged:
        print(text(name, verdicts), end="")
    return int(any(verdict.findings for _, verdicts in judged for verdict in verdicts))


def main(argv: list[str]) -> int:
    spec, report = json.loads(Path(argv[0]).read_text(encoding="utf-8")), Path(argv[1])
    report.parent.mkdir(parents=True, exist_ok=True)
    try:
        return check(spec, report)
    except (PolicyError, LayoutError) as error:
        report.write_bytes(junit_error(spec["target"], str(error)))
        print(f"image_policy: target {spec['target']}: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
