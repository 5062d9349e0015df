"""Pants' own Docker rules without the one that ours takes the place of.

Each of its backends that knows of `docker_image` brings all rules with it, so each has to be
activated in the form that is here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pants.backend.docker.goals import package_image
from pants.backend.docker.util_rules import docker_binary
from pants.engine.rules import TaskRule

_REPLACED = (package_image.build_docker_image, docker_binary.get_docker)


def without_replaced(rules: Iterable[object]) -> Iterator[object]:
    """The rules but for those that run `docker build` and find the client: ours call them."""
    for rule in rules:
        if not (isinstance(rule, TaskRule) and rule.func in _REPLACED):
            yield rule
