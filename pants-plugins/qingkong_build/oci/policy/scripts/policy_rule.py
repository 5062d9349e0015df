"""What a rule of the image policy is. Teams write theirs with these names, too:

from policy_rule import Finding, Subject, rule

@rule(
    "SHOP-001",
    title="The catalogue is in the image",
    reason="The shop starts with what is in the image; without it the first page is empty.",
    stands_for=("shop handbook 4.2",),
)
def catalogue(subject: Subject) -> Iterator[Finding]:
    if subject.image.resolve("/app/apps/catalogue.json") is None:
        yield Finding("there is no catalogue. Run `make catalogue`.", "app/apps/catalogue.json")
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from image_view import Entry, ImageView

# The ids of the rules that come with the plugin; a team's begin with something else.
OWN_PREFIX = "QK-IMG-"
_ID = re.compile(r"[A-Z][A-Z0-9]*(-[A-Z0-9]+)*-\d{3}")


class PolicyError(Exception):
    """What is wrong with the policy itself: where, which value, and the fix."""


@dataclass(frozen=True)
class Finding:
    """What is wrong with an image.

    Attributes:
        message: the value that was found and the fix, in one or two sentences.
        path: the file it is about, without a slash at its start; "" for the configuration.
    """

    message: str
    path: str = ""

    def __str__(self) -> str:
        return f"/{self.path}: {self.message}" if self.path else self.message


@dataclass(frozen=True)
class Machine:
    """What the machine that built the image is set to; it must not be in the image.

    Attributes:
        exact: addresses with a path, and credentials: no file has one by chance.
        hosts: names of hosts, which the documents of a package may have by chance.
    """

    exact: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Subject:
    """What a rule judges.

    Attributes:
        image: the image.
        machine: the machine that built it.
        development: normalised names of distributions that are locked for development, but not
            for production.
        profile: what the image runs: "service", "worker" or "command".
    """

    image: ImageView
    machine: Machine = field(default_factory=Machine)
    development: frozenset[str] = frozenset()
    profile: str = "service"

    @property
    def volumes(self) -> tuple[str, ...]:
        """Where the image keeps data, without slashes at either end."""
        return tuple(path.strip("/") for path in self.image.settings.get("Volumes") or ())

    def in_volume(self, path: str) -> bool:
        return any(path == volume or path.startswith(f"{volume}/") for volume in self.volumes)

    @property
    def added_files(self) -> Iterator[Entry]:
        """The files that our layers bring."""
        return (entry for entry in self.image.added if entry.kind == "file")


Check = Callable[[Subject], Iterator[Finding]]


@dataclass(frozen=True)
class Rule:
    """One rule.

    Attributes:
        id: what reports and waivers call it; never given to another rule.
        title: what holds in an image that keeps it.
        reason: what goes wrong in one that does not.
        stands_for: the rules of others that it is the same as, or stricter than.
        check: yields what is wrong.
    """

    id: str
    title: str
    reason: str
    stands_for: tuple[str, ...]
    check: Check


def rule(
    id: str, *, title: str, reason: str, stands_for: tuple[str, ...] = ()
) -> Callable[[Check], Rule]:
    """Make a rule of the function below it."""
    if not _ID.fullmatch(id):
        raise PolicyError(
            f"rule {id!r} has no id as rules have: capital letters, a dash, three digits, e.g. "
            "'SHOP-001'."
        )
    for name, value in (("title", title), ("reason", reason)):
        if not value.strip():
            raise PolicyError(f"rule {id} has no {name}. Say it in a sentence: reports show it.")

    def made(check: Check) -> Rule:
        return Rule(id, title, reason, stands_for, check)

    return made
