"""Registers the download of `file:` addresses with spaces and letters that are not ASCII.

Pants 2.17 opens the path of such an address as it is written there, `%20` and all, so that a tool
below a home directory with a space in its name is not found.
"""

from __future__ import annotations

from collections.abc import Iterable

from qingkong_build.file_url import rules as file_url_rules


def rules() -> Iterable[object]:
    return file_url_rules.rules()
