"""Which requirements layer has which distribution: each distribution is in exactly one."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping

from packaging.utils import canonicalize_name
from pants.engine.target import InvalidFieldException

# What a layer's field says: normalised names, or None for all that no other layer names.
Groups = Mapping[str, "tuple[str, ...] | None"]


def similar(name: str, known: Collection[str]) -> str:
    """` (did you mean 'x'?)`, or nothing where no known name is like this one."""
    close = difflib.get_close_matches(name, sorted(known), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def assign(groups: Groups, known: frozenset[str], origin: str) -> dict[str, tuple[str, ...]]:
    """The names for each layer, sorted, by the layers' addresses.

    `groups` are the layers of one image, by address; `known` are the names to share out, and
    `origin` says of what. Raises `InvalidFieldException` unless each of them is in exactly one.
    """
    owners: dict[str, str] = {}
    for address, names in sorted(groups.items()):
        for raw in names or ():
            name: str = canonicalize_name(raw)
            field = f"the 'distributions' field in target {address} has {raw!r}"
            if name not in known:
                raise InvalidFieldException(
                    f"{field}, which {origin} does not bring{similar(name, known)}. Correct the "
                    "name, or remove it from the field."
                )
            if name in owners:
                where = "twice" if owners[name] == address else f"and so has {owners[name]}"
                raise InvalidFieldException(f"{field} {where}. Leave it in one place.")
            owners[name] = address
    rest = sorted(address for address, names in groups.items() if names is None)
    left = sorted(known - set(owners))
    if len(rest) > 1:
        raise InvalidFieldException(
            f"{' and '.join(rest)} have no 'distributions' field, and so each would have all that "
            f"other layers of {origin} leave. Give the field to all but one of them, or put what "
            "is for another image into another directory."
        )
    if left and not rest:
        raise InvalidFieldException(
            f"no layer has {', '.join(left)} of {origin}. Add them to the 'distributions' field of "
            f"one of {', '.join(sorted(groups))}, or add a layer without that field, which takes "
            "what is left."
        )
    shares: dict[str, list[str]] = {address: [] for address in groups}
    for name, address in owners.items():
        shares[address].append(name)
    if rest:
        shares[rest[0]] = left
    return {address: tuple(sorted(names)) for address, names in shares.items()}
