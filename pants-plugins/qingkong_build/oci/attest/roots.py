"""Which requirements an image is made of.

One that is made of a PEX has what its code asks for, which may be less than the lockfile has. All
others have a whole lockfile.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pants.backend.python.subsystems.setup import PythonSetup
from pants.backend.python.target_types import PythonResolveField
from pants.engine.addresses import Address, UnparsedAddressInputs
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.engine.target import Targets, TransitiveTargets, TransitiveTargetsRequest

from qingkong_build.oci.layers.pex_fields import PexField
from qingkong_build.oci.layers.target_types import RequirementsLayerResolveField
from qingkong_build.oci.layout.rules import addresses_in
from qingkong_build.python_lock.requirements import requirements_of


@dataclass(frozen=True)
class ImageRootsRequest:
    image: Address


@dataclass(frozen=True)
class ImageRoots:
    """`requirements` are pairs of a resolve and what is required of it.

    They are None where all of a lockfile is meant.
    """

    requirements: tuple[tuple[str, str], ...] | None

    def by_lockfile(self, python_setup: PythonSetup) -> dict[str, list[str]] | None:
        """The requirements by the path of their lockfile."""
        if self.requirements is None:
            return None
        every: dict[str, list[str]] = {}
        for resolve, requirement in self.requirements:
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
            Targets,
            UnparsedAddressInputs,
            addresses_in(image.address, PexField.alias, (str(image[PexField].value),)),
        )
        for image in images
    )
    named = [pex for targets in pexes for pex in targets]
    closures = await MultiGet(
        Get(TransitiveTargets, TransitiveTargetsRequest([pex.address])) for pex in named
    )
    resolves = [pex.get(PythonResolveField).normalized_value(python_setup) for pex in named]
    requirements = {
        (resolve, requirement)
        for resolve, code in zip(resolves, closures)
        for requirement in requirements_of(code.closure, resolve, python_setup)
    }
    return ImageRoots(tuple(sorted(requirements)))


def rules() -> Iterable[object]:
    return collect_rules()
