"""Which requirements of a PEX share a layer: as the image says, or by size and rate of change."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from packaging.utils import canonicalize_name
from pants.engine.addresses import Address

from qingkong_build.oci.layers.groups import similar
from qingkong_build.oci.layout.field_error import invalid

#: Bytes, as installed, from which on a distribution has a layer of its own.
LARGE = 4 << 20
#: The names of layers that are made without a word of the image; some end with a project's.
COMPILED, PURE, SOURCES = "requirements-compiled", "requirements", "sources"
_LARGE_PREFIX, _WHEEL_PREFIX = "requirement-", "wheel-"


def is_automatic(layer: str) -> bool:
    """Whether a layer that no field names may have this name."""
    return layer in (COMPILED, PURE, SOURCES) or layer.startswith((_LARGE_PREFIX, _WHEEL_PREFIX))


def wheel_layer(project: str) -> str:
    """The name of the layer of a wheel that is built here."""
    return f"{_WHEEL_PREFIX}{project}"


def checked(
    field: str,
    address: Address,
    groups: Mapping[str, Collection[str]],
    known: Collection[str],
    pex: Address,
    base: Mapping[str, Address] | None = None,
) -> dict[str, tuple[str, ...]]:
    """The layers that `field` of the image at `address` names, with normalised distributions.

    `known` are what the `pex` requires; `base` has the image below that holds a distribution.
    Raises `InvalidFieldException` for another, and for one that is listed twice.
    """
    owners: dict[str, str] = {}
    for layer, names in groups.items():
        for raw in names:
            name: str = canonicalize_name(raw)
            value = {layer: [raw]}
            if base and name in base:
                raise invalid(
                    *(field, address, value, f"the base {base[name]} has {name!r} already"),
                    "remove it from the field",
                )
            if name not in known:
                raise invalid(
                    *(field, address, value),
                    f"{pex} requires no {name!r} from its lockfile{similar(name, known)}",
                    "correct the name, or remove it from the field",
                )
            if name in owners:
                raise invalid(
                    *(field, address, value, f"{owners[name]!r} has it already"),
                    "leave it in one place",
                )
            owners[name] = layer
    return {
        layer: tuple(sorted(name for name, owner in owners.items() if owner == layer))
        for layer in groups
    }


def grouped(
    sizes: Mapping[str, int],
    compiled: Collection[str],
    groups: Mapping[str, tuple[str, ...]] | None = None,
) -> dict[str, tuple[str, ...]]:
    """The names of the layers and of their distributions, the lowest first.

    First those that the image names. Of the rest, a large distribution has a layer of its own, so
    that a new version of another one does not move it. The others with compiled code, which are
    released rarely, share one, and the rest share one.

    Args:
        sizes: bytes of each distribution as installed, by normalised name.
        compiled: the names of those with compiled code.
        groups: the layers that the image names, `checked`.
    """
    layers = dict(groups or {})
    named = {name for names in layers.values() for name in names}
    rest = sorted(set(sizes) - named)
    small = [name for name in rest if sizes[name] < LARGE]
    layers.update({f"{_LARGE_PREFIX}{x}": (x,) for x in rest if sizes[x] >= LARGE})
    layers[COMPILED] = tuple(name for name in small if name in compiled)
    layers[PURE] = tuple(name for name in small if name not in compiled)
    return {layer: names for layer, names in layers.items() if names}
