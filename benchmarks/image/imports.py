"""Which packages the time of imports goes to."""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping

from measuring.estimates import Estimate, median

_LINE = re.compile(r"^import time:\s+(\d+) \|\s+\d+ \|( +)(\S+)$", re.MULTILINE)
STANDARD = "standard library"
ALL = "all imports"


def by_package(told: str) -> dict[str, float]:
    """Of what `-X importtime` wrote: seconds that the modules of each package took themselves."""
    found: defaultdict[str, float] = defaultdict(float)
    for microseconds, _, name in _LINE.findall(told):
        found[package(name)] += int(microseconds) / 1e6
    return dict(found)


def package(module: str) -> str:
    """The package that a module is of."""
    first = module.partition(".")[0]
    return STANDARD if first in sys.stdlib_module_names else first


def largest(rounds: Iterable[Mapping[str, float]]) -> dict[str, Estimate]:
    """All imports, then each package, most first: the medians of the rounds."""
    found = list(rounds)
    names = dict.fromkeys(name for each in found for name in each)
    medians = {name: median([each.get(name, 0.0) for each in found]) for name in names}
    order = sorted(medians, key=lambda name: -medians[name].value)
    return {
        ALL: median([sum(each.values()) for each in found]),
        **{name: medians[name] for name in order},
    }
