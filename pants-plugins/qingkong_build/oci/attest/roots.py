"""Which requirements an image is made of.

One that is made of a PEX has what its code asks for, which may be less than the lockfile has. All
others have a whole lockfile.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pants.backend.python.subsystems.setup import PythonSetup
from pants.backend.python.target_types import (
    PythonRequirementResolveField,
    PythonRequirementsField,
)
from pants.engine.addresses import Address, Addresses, UnparsedAddressInputs
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.engine.target import TransitiveTargets, TransitiveTargetsRequest

from qingkong_build.oci.layers.pex_fields import PexField
from qingkong_build.oci.layers.target_types import RequirementsLayerResolveField
from qingkong_build.oci.layout.rules import addresses_in


@dataclass(frozen=True)
class ImageRootsRequest:
    image: Address


@dataclass(frozen=True)
class ImageRoots:
    """`found` are pairs of a resolve and a requirement; None where all of a lockfile is meant."""

    found: tuple[tuple[str, str], ...] | None

    def by_lockfile(self, python_setup: PythonSetup) -> dict[str, list[str]] | None:
        """The requirements by the path of their lockfile."""
        if self.found is None:
            return None
        every: dict[str, list[str]] = {}
        for resolve, requirement in self.found:
            every.setdefault(python_setup.resolves[resolve], []).append(requirement)
        return every


@rule
async def find_roots(request: ImageRootsRequest, python_setup: PythonSetup) -> ImageRoots:
    whole = await Get(
        TransitiveTargets,
        TransitiveTargetsRequest([request.image], include_special_cased_deps=True),
    )
    images = [
        target
        for target in whole.closure
        if target.has_field(PexField) and target[PexField].value is not None
    ]
    if not images or any(tgt.has_field(RequirementsLayerResolveField) for tgt in whole.closure):
        return ImageRoots(None)
    pexes = await MultiGet(
        Get(
            Addresses,
            UnparsedAddressInputs,
            addresses_in(image.address, PexField.alias, (str(image[PexField].value),)),
        )
        for image in images
    )
    code = await Get(
        TransitiveTargets, TransitiveTargetsRequest([pex for found in pexes for pex in found])
    )
    found = {
        (target[PythonRequirementResolveField].normalized_value(python_setup), str(requirement))
        for target in code.closure
        if target.has_field(PythonRequirementsField)
        for requirement in target[PythonRequirementsField].value
    }
    return ImageRoots(tuple(sorted(found)))


def rules() -> Iterable[object]:
    return collect_rules()
