"""Registers a search for interpreters that starts no PEX.

Pants asks the pex tool which interpreter fits, once for each set of constraints and each start.
With empty caches that unpacks the tool first, and all else waits for it.
"""

from __future__ import annotations

from collections.abc import Iterable

from qingkong_build.interpreters import rules as search_rules


def rules() -> Iterable[object]:
    return search_rules.rules()
