"""What is in the `pex_binary` of an image, and which of it the image below has already."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pants.backend.python.subsystems.setup import PythonSetup
from pants.backend.python.subsystems.setuptools import PythonDistributionFieldSet
from pants.backend.python.target_types import (
    InterpreterConstraintsField,
    PexEntryPointField,
    PythonResolveField,
)
from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.build_graph.address import ResolveError
from pants.engine.addresses import Address, UnparsedAddressInputs
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.engine.target import (
    Dependencies,
    DependenciesRequest,
    InvalidFieldException,
    Target,
    Targets,
    TransitiveTargets,
    TransitiveTargetsRequest,
)

from qingkong_build.oci.layers import base_field
from qingkong_build.oci.layers.base_field import Parent, ParentRequest
from qingkong_build.oci.layers.local_wheels import LocalWheelsRequest, WheelFields
from qingkong_build.oci.layers.pex_checks import check_platforms, for_platform
from qingkong_build.oci.layers.pex_fields import PexField, PexOtherPlatformsField
from qingkong_build.oci.layers.platform_fields import target_platform
from qingkong_build.oci.layers.target_types import LayerGlibcField
from qingkong_build.oci.layout.field_error import invalid
from qingkong_build.oci.layout.rules import addresses_in
from qingkong_build.python_lock.graph import ProductionClosure, ProductionClosureRequest
from qingkong_build.python_lock.requirements import requirements_of
from qingkong_build.python_lock.target_platform import DEFAULT_PLATFORM, TargetPlatform


@dataclass(frozen=True)
class PexRequest:
    """The `pex` of `image`, for `platform`, e.g. `linux/arm64`."""

    image: Target
    platform: str = DEFAULT_PLATFORM


@dataclass(frozen=True)
class PexTargets:
    """What is in the PEX of `image`, without what `below` has already.

    Attributes:
        image: the `oci_image`.
        pex: its `pex_binary`.
        resolve: what its requirements are locked in.
        requirements: all that its code asks for, with those of `below`.
        wheels: what is built in this repository. Their sources are none of the PEX's own.
        others: for the platform, in place of those of `wheels` that are not.
        sources: first-party targets.
        below: what is in the PEX of the nearest image below that has one.
    """

    image: Target
    pex: Target
    resolve: str
    requirements: tuple[str, ...]
    wheels: Targets
    others: Targets
    sources: Targets
    below: PexTargets | None

    @property
    def held(self) -> frozenset[Address]:
        """The targets whose files are in the image."""
        mine = frozenset(x.address for x in (*self.wheels, *self.sources))
        return mine | self.below.held if self.below is not None else mine

    def python(self, python_setup: PythonSetup) -> InterpreterConstraints:
        """Which interpreter runs it."""
        field = self.pex[InterpreterConstraintsField]
        return InterpreterConstraints(field.value_or_global_default(python_setup))

    def platform(self, name: str, python_setup: PythonSetup) -> TargetPlatform:
        """What its wheels have to be for."""
        address = self.pex.address
        constraints = self.pex[InterpreterConstraintsField]
        glibc = LayerGlibcField(None, address)
        return target_platform(address, name, glibc, constraints, python_setup)

    def local_wheels(self, platform: TargetPlatform) -> LocalWheelsRequest:
        """Its wheels that are built here, for `platform`; without any, the others replace none."""
        image = self.image.address
        fields = WheelFields(image, PexField.alias, PexOtherPlatformsField.alias)
        if not self.wheels:
            return LocalWheelsRequest(fields, Targets(()), Targets(()), platform)
        check_platforms(image, self.pex.address, self.wheels, self.others, platform.name)
        return LocalWheelsRequest(fields, self.wheels, self.others, platform)


# Before the rule that calls it: Pants reads the `Get`s of helpers that it has already seen.
async def _pex_below(image: Target, platform: str) -> PexTargets | None:
    """What is in the PEX of the nearest image below that has one."""
    parent = await Get(Parent, ParentRequest(image))
    while parent.image is not None:
        if parent.image[PexField].value is not None:
            return await Get(PexTargets, PexRequest(parent.image, platform))
        parent = await Get(Parent, ParentRequest(parent.image))
    return None


def check_fits(above: PexTargets, python_setup: PythonSetup) -> None:
    """One environment has what both install. Raises `InvalidFieldException` otherwise."""
    below = above.below
    if below is None:
        return
    field = above.image[PexField]
    pairs = {
        "resolve": (above.resolve, below.resolve),
        "interpreter_constraints": (above.python(python_setup), below.python(python_setup)),
    }
    for name, (ours, theirs) in pairs.items():
        if ours != theirs:
            raise invalid(
                *(field.alias, above.image.address, field.value),
                f"its {name} is {str(ours)!r}, and {below.pex.address}, which is in the base "
                f"{below.image.address}, has {str(theirs)!r}: both install into one place",
                f"give {above.pex.address} that {name}, or choose a base without a PEX",
            )


@rule
async def split_pex(request: PexRequest, python_setup: PythonSetup) -> PexTargets:
    image, field = request.image, request.image[PexField]
    value = str(field.value)
    named, others = await MultiGet(
        Get(Targets, UnparsedAddressInputs, addresses_in(image.address, field.alias, (value,))),
        Get(
            Targets,
            UnparsedAddressInputs,
            image[PexOtherPlatformsField].to_unparsed_address_inputs(),
        ),
    )
    pex = named.expect_single()
    if not pex.has_field(PexEntryPointField):
        raise invalid(
            *(field.alias, image.address, value, f"{pex.address} is no `pex_binary`"),
            "name one",
        )
    try:
        await Get(Targets, DependenciesRequest(pex[Dependencies]))
    except (ResolveError, InvalidFieldException) as error:
        # Pants names the directory, and for one without a BUILD file not who asks for it.
        raise invalid(
            *(field.alias, image.address, value, " ".join(str(error).split()).rstrip(".")),
            f"correct the dependencies of {pex.address} (of a service: its `apps`), or write the "
            "BUILD file that is missing (`./pants tailor ::`)",
        ) from None
    # The rest is for other images: nothing is asked of it, such as a compiler.
    fitting = Targets(for_platform(image.address, others, request.platform))
    await MultiGet(
        Get(ProductionClosure, ProductionClosureRequest(each.address)) for each in (pex, *fitting)
    )
    below = await _pex_below(image, request.platform)
    closure = await Get(TransitiveTargets, TransitiveTargetsRequest([pex.address]))
    wheels = [x for x in closure.closure if PythonDistributionFieldSet.is_applicable(x)]
    packed: set[Address] = set()
    if wheels:
        inside = await Get(TransitiveTargets, TransitiveTargetsRequest(x.address for x in wheels))
        packed = {target.address for target in inside.closure}
    resolve = pex[PythonResolveField].normalized_value(python_setup)
    requirements = set(requirements_of(closure.closure, resolve, python_setup))
    held: frozenset[Address] = frozenset()
    if below is not None:
        requirements |= set(below.requirements)
        held = below.held
    targets = PexTargets(
        image,
        pex,
        resolve,
        tuple(sorted(requirements)),
        Targets(target for target in wheels if target.address not in held),
        fitting,
        Targets(target for target in closure.closure if target.address not in packed | held),
        below,
    )
    check_fits(targets, python_setup)
    return targets


def rules() -> Iterable[object]:
    return (*collect_rules(), *base_field.rules())
