"""Which requirements of a PEX share a layer: by size, and by how often they change."""

from __future__ import annotations

from collections.abc import Collection, Mapping

#: Bytes, as installed, from which on a distribution has a layer of its own.
LARGE = 4 << 20


def grouped(sizes: Mapping[str, int], compiled: Collection[str]) -> dict[str, tuple[str, ...]]:
    """The names of the layers and of their distributions, the lowest first.

    A large distribution has a layer of its own, so that a new version of another one does not move
    it. The others with compiled code, which are released rarely, share one, and the rest share one.

    Args:
        sizes: bytes of each distribution as installed, by normalised name.
        compiled: the names of those with compiled code.
    """
    large = sorted(name for name, size in sizes.items() if size >= LARGE)
    small = sorted(set(sizes) - set(large))
    layers: dict[str, tuple[str, ...]] = {f"requirement-{name}": (name,) for name in large}
    layers["requirements-compiled"] = tuple(name for name in small if name in compiled)
    layers["requirements"] = tuple(name for name in small if name not in compiled)
    return {layer: names for layer, names in layers.items() if names}
