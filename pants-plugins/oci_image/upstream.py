"""Pants' own Docker rules without the one that ours takes the place of.

Each of its backends that knows of `docker_image` brings all rules with it, so each has to be
activated in the form that is here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pants.backend.docker.goals import package_image
from pants.engine.rules import TaskRule


def without_builder(rules: Iterable[object]) -> Iterator[object]:
    """The rules but for the one that runs `docker build`, which ours calls where it has to."""
    for rule in rules:
        if not (isinstance(rule, TaskRule) and rule.func is package_image.build_docker_image):
            yield rule
