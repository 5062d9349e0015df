"""Distributions that share a directory."""

from __future__ import annotations

import os
from collections.abc import Mapping

from pants.engine.addresses import Address
from pants.engine.fs import DigestEntries, FileEntry
from pants.engine.target import InvalidFieldException

from qingkong_build.oci.layers.tree_layer import TREE


def check_disjoint(
    address: Address,
    installed: Mapping[str, DigestEntries],
    fix: str = "Leave one of the two out of the resolve, or both files with the 'exclude' field.",
) -> None:
    """Two distributions must not have one file in two ways."""
    owners: dict[str, tuple[str, FileEntry]] = {}
    for name, entries in installed.items():
        for entry in entries:
            if not isinstance(entry, FileEntry):
                continue
            owner, other = owners.setdefault(entry.path, (name, entry))
            if other != entry:
                raise InvalidFieldException(
                    f"in the layer of target {address}, {owner} and {name} both have "
                    f"{os.path.relpath(entry.path, TREE)!r}, with different content. {fix}"
                )
