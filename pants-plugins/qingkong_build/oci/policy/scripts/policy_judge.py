"""Judge images by rules: those that come along and a team's, less what is waived."""

from __future__ import annotations

import fnmatch
import importlib.util
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import rules_account
import rules_config
import rules_content
import rules_distributions
import rules_files
from policy_rule import OWN_PREFIX, Finding, PolicyError, Rule, Subject

# Fewer words than these say no reason: "legacy", "needed for now".
_FEWEST_WORDS, _FEWEST_LETTERS = 4, 20

OWN_RULES: tuple[Rule, ...] = tuple(
    sorted(
        (
            *rules_account.RULES,
            *rules_config.RULES,
            *rules_content.RULES,
            *rules_distributions.RULES,
            *rules_files.RULES,
        ),
        key=lambda rule: rule.id,
    )
)


@dataclass(frozen=True)
class Waiver:
    """What is let pass: a rule, or what a rule says of some files.

    Attributes:
        key: as written, `RULE` or `RULE:path/pattern`, where `*` matches `/` too.
        reason: why.
    """

    key: str
    reason: str

    @property
    def rule(self) -> str:
        return self.key.partition(":")[0]

    def covers(self, finding: Finding) -> bool:
        """Whether a finding of this rule is let pass."""
        pattern = self.key.partition(":")[2].lstrip("/")
        return not pattern or bool(finding.path and fnmatch.fnmatchcase(finding.path, pattern))


@dataclass(frozen=True)
class Verdict:
    """What a rule says of an image.

    Attributes:
        rule: which.
        findings: what is wrong.
        waived: what would be, and the waiver that lets it pass.
    """

    rule: Rule
    findings: tuple[Finding, ...]
    waived: tuple[tuple[Finding, Waiver], ...]


def load_rules(files: Iterable[Path], known: Sequence[Rule] = OWN_RULES) -> tuple[Rule, ...]:
    """`known`, and the rules that the modules `files` define, in their order."""
    rules = list(known)
    for number, file in enumerate(files):
        specification = importlib.util.spec_from_file_location(f"extra_rules_{number}", file)
        assert specification is not None
        assert specification.loader is not None
        module = importlib.util.module_from_spec(specification)
        try:
            specification.loader.exec_module(module)
        except Exception as error:
            raise PolicyError(
                f"the 'extra_rules' field names {file}, which fails to load: "
                f"{type(error).__name__}: {error}. Fix it; it may import the standard library, "
                "policy_rule and image_view."
            ) from error
        found = [value for value in vars(module).values() if isinstance(value, Rule)]
        if not found:
            raise PolicyError(
                f"the 'extra_rules' field names {file}, which defines no rule. Decorate a "
                "function of it with `@policy_rule.rule(...)`."
            )
        for rule in found:
            if rule.id.startswith(OWN_PREFIX):
                raise PolicyError(
                    f"rule {rule.id} in {file} has an id of the rules that come along. Begin it "
                    f"with something else than {OWN_PREFIX!r}, e.g. 'SHOP-001'."
                )
            if rule.id in {other.id for other in rules}:
                raise PolicyError(f"rule {rule.id} in {file} has the id of another one.")
            rules.append(rule)
    return tuple(rules)


def read_waivers(given: Mapping[str, str], rules: Sequence[Rule]) -> tuple[Waiver, ...]:
    """The waivers of the field of that name, each with a reason that is one."""
    ids = {rule.id for rule in rules}
    waivers = tuple(Waiver(key, " ".join(reason.split())) for key, reason in given.items())
    for waiver in waivers:
        if waiver.rule not in ids:
            raise PolicyError(
                f"the 'waivers' field has {waiver.key!r}, but there is no rule {waiver.rule!r}. "
                f"There are: {', '.join(sorted(ids))}."
            )
        if len(waiver.reason) < _FEWEST_LETTERS or len(waiver.reason.split()) < _FEWEST_WORDS:
            raise PolicyError(
                f"the 'waivers' field gives {waiver.key!r} the reason {waiver.reason!r}. Say why "
                f"this image needs it, in {_FEWEST_WORDS} words and {_FEWEST_LETTERS} letters at "
                "least."
            )
    return waivers


def judge(
    subject: Subject, rules: Sequence[Rule], waivers: Sequence[Waiver]
) -> tuple[Verdict, ...]:
    """What each rule says of an image, in the order of `rules`."""
    verdicts = []
    for rule in rules:
        try:
            every = tuple(rule.check(subject))
        except Exception as error:
            raise PolicyError(
                f"rule {rule.id} fails instead of judging: {type(error).__name__}: {error}. Fix "
                "its check function."
            ) from error
        findings, waived = [], []
        for finding in every:
            by = next((w for w in waivers if w.rule == rule.id and w.covers(finding)), None)
            if by is None:
                findings.append(finding)
            else:
                waived.append((finding, by))
        verdicts.append(Verdict(rule, tuple(findings), tuple(waived)))
    return tuple(verdicts)


def check_used(waivers: Sequence[Waiver], verdicts: Iterable[Verdict]) -> None:
    """Refuse waivers that let nothing pass: they would hide what comes later."""
    used = {waiver.key for verdict in verdicts for _, waiver in verdict.waived}
    for waiver in waivers:
        if waiver.key not in used:
            raise PolicyError(
                f"the 'waivers' field has {waiver.key!r}, but the image has nothing that it would "
                "let pass. Take it out."
            )
