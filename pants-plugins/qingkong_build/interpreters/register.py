"""Registers a search for interpreters that starts no PEX.

Pants asks the pex tool which interpreter fits, once for each set of constraints and each start.
From nothing that unpacks the tool, which takes ten seconds, before anything else can run.
"""

from __future__ import annotations

from collections.abc import Iterable

from qingkong_build.interpreters import rules as search_rules


def rules() -> Iterable[object]:
    return search_rules.rules()
