"""Describes an image: one cached process."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass

from pants.backend.python.subsystems.setup import PythonSetup
from pants.backend.python.util_rules.pex import PexRequest, VenvPex
from pants.backend.python.util_rules.pex_cli import PexCli
from pants.core.goals.package import (
    BuiltPackage,
    BuiltPackageArtifact,
    EnvironmentAwarePackageRequest,
    OutputPathField,
    PackageFieldSet,
)
from pants.core.util_rules import source_files
from pants.core.util_rules.source_files import SourceFiles, SourceFilesRequest
from pants.engine.addresses import Address, UnparsedAddressInputs
from pants.engine.fs import (
    AddPrefix,
    Digest,
    DigestContents,
    DigestSubset,
    FileContent,
    GlobMatchErrorBehavior,
    MergeDigests,
    PathGlobs,
    RemovePrefix,
    Snapshot,
)
from pants.engine.process import ProcessResult
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.engine.target import (
    FieldSetsPerTarget,
    FieldSetsPerTargetRequest,
    InvalidFieldException,
    SourcesField,
    Targets,
    TransitiveTargets,
    TransitiveTargetsRequest,
)
from pants.engine.unions import UnionRule
from pants.util.logging import LogLevel
from pants.version import VERSION

from qingkong_build.oci.attest.roots import ImageRoots, ImageRootsRequest
from qingkong_build.oci.attest.signing import LAYOUT
from qingkong_build.oci.attest.subsystem import ImageAttest
from qingkong_build.oci.attest.target_types import (
    AttestedBaseLayersField,
    AttestedImageField,
    AttestedResolvesField,
    AttestedWheelsField,
)
from qingkong_build.oci.layout.rules import (
    IMAGE_VIEW,
    LayoutReader,
    LayoutReaderRequest,
    OciLayout,
    OciLayoutRequest,
    addresses_in,
    lockfile_globs,
    lockfile_paths,
)
from qingkong_build.python_lock.subsystem import ProductionClosureSubsystem
from qingkong_build.sandbox.rules import PexScriptRequest
from qingkong_build.sandbox.rules import rules as script_rules
from qingkong_build.sandbox.script import Script

_ATTEST = Script(
    "qingkong_build.oci.attest",
    "attest_image",
    (
        "attest_error",
        "bill_of_materials",
        "image_contents",
        "locked_closure",
        "provenance",
        "referrers",
        "statements",
    ),
    uses=(IMAGE_VIEW,),
)
_SPEC = "attest.json"
_OUTPUT = "attested"


@dataclass(frozen=True)
class ImageAttestationsFieldSet(PackageFieldSet):
    required_fields = (AttestedImageField,)

    image: AttestedImageField
    resolves: AttestedResolvesField
    wheels: AttestedWheelsField
    base_layers: AttestedBaseLayersField
    output_path: OutputPathField


@dataclass(frozen=True)
class SourcesHash:
    """`dirHash` (in-toto) of all files of the repository that an image is made of."""

    value: str


@dataclass(frozen=True)
class SourcesHashRequest:
    image: Address


@dataclass(frozen=True)
class BuiltWheels:
    """Wheels that are built here, by their paths in `digest`."""

    digest: Digest
    paths: tuple[str, ...]


@dataclass(frozen=True)
class BuiltWheelsRequest:
    owner: Address
    field: str
    values: tuple[str, ...]


@rule(desc="Hash the sources of an image", level=LogLevel.DEBUG)
async def hash_sources(request: SourcesHashRequest) -> SourcesHash:
    closure = await Get(
        TransitiveTargets,
        TransitiveTargetsRequest([request.image], include_special_cased_deps=True),
    )
    fields = [tgt[SourcesField] for tgt in closure.closure if tgt.has_field(SourcesField)]
    directories = {tgt.address.spec_path for tgt in closure.closure}
    sources, recipes = await MultiGet(
        Get(SourceFiles, SourceFilesRequest(fields)),
        Get(
            Digest,
            PathGlobs(
                ["pants.toml", *(os.path.join(path, "BUILD") for path in sorted(directories))],
                glob_match_error_behavior=GlobMatchErrorBehavior.ignore,
            ),
        ),
    )
    every = await Get(Digest, MergeDigests([sources.snapshot.digest, recipes]))
    lines = [
        f"{hashlib.sha256(file.content).hexdigest()}  {file.path}\n"
        for file in sorted(
            await Get(DigestContents, Digest, every), key=lambda file: file.path.encode()
        )
    ]
    return SourcesHash(hashlib.sha256("".join(lines).encode()).hexdigest())


@rule(desc="Build the wheels of an image", level=LogLevel.DEBUG)
async def build_wheels(request: BuiltWheelsRequest) -> BuiltWheels:
    targets = await Get(
        Targets,
        UnparsedAddressInputs,
        addresses_in(request.owner, request.field, request.values),
    )
    field_sets = await Get(FieldSetsPerTarget, FieldSetsPerTargetRequest(PackageFieldSet, targets))
    packages = await MultiGet(
        Get(BuiltPackage, EnvironmentAwarePackageRequest(field_set))
        for field_set in field_sets.field_sets
    )
    merged = await Get(Digest, MergeDigests(package.digest for package in packages))
    snapshot = await Get(Snapshot, DigestSubset(merged, PathGlobs(["**/*.whl"])))
    if len(snapshot.files) < len(request.values):
        raise InvalidFieldException(
            f"The {request.field!r} field in target {request.owner} is {list(request.values)}, "
            f"but packaging these makes only {list(snapshot.files)}. Name targets that build a "
            "wheel: `native_wheel`, `python_distribution`."
        )
    return BuiltWheels(snapshot.digest, snapshot.files)


# Before the rule that calls it: Pants reads the `Get`s of helpers that it has already seen.
async def _package(made: Digest, layout: OciLayout, output: str) -> BuiltPackage:
    """The documents, with all of the layout but its index, of which there is a new one."""
    documents, stripped = await MultiGet(
        Get(Digest, RemovePrefix(made, _OUTPUT)),
        Get(Digest, RemovePrefix(layout.digest, layout.path)),
    )
    kept = await Get(Digest, DigestSubset(stripped, PathGlobs(["**", "!index.json"])))
    below = await Get(Digest, AddPrefix(kept, LAYOUT))
    whole = await Get(Digest, MergeDigests([documents, below]))
    return BuiltPackage(
        await Get(Digest, AddPrefix(whole, output)), (BuiltPackageArtifact(output),)
    )


@rule(desc="Describe an image", level=LogLevel.DEBUG)
async def attest_image(
    field_set: ImageAttestationsFieldSet,
    image_attest: ImageAttest,
    closure: ProductionClosureSubsystem,
    pex_cli: PexCli,
    python_setup: PythonSetup,
) -> BuiltPackage:
    shipped = closure.shipped(python_setup)
    lockfiles = lockfile_paths(
        field_set.address, field_set.resolves, shipped, "resolves", python_setup
    )
    layout, wheels, locks, tools = await MultiGet(
        Get(
            OciLayout,
            OciLayoutRequest(field_set.address, field_set.image.alias, field_set.image.value),
        ),
        Get(
            BuiltWheels,
            BuiltWheelsRequest(
                field_set.address, field_set.wheels.alias, field_set.wheels.value or ()
            ),
        ),
        Get(Digest, lockfile_globs(lockfiles)),
        Get(VenvPex, PexRequest, image_attest.to_pex_request()),
    )
    sources, roots, reader = await MultiGet(
        Get(SourcesHash, SourcesHashRequest(layout.address)),
        Get(ImageRoots, ImageRootsRequest(layout.address)),
        Get(LayoutReader, LayoutReaderRequest(layout, image_attest.python(python_setup))),
    )
    inputs = (layout.digest, reader.digest, wheels.digest, locks)
    spec = {
        "target": layout.address.spec,
        "layout": layout.path,
        "base_layers": field_set.base_layers.value,
        "lockfiles": lockfiles,
        "roots": roots.by_lockfile(python_setup),
        "files": lockfiles,
        "wheels": wheels.paths,
        "builder": image_attest.builder_id,
        "versions": {"pants": VERSION, "pex": pex_cli.version},
        "sources": sources.value,
    }
    result = await Get(
        ProcessResult,
        PexScriptRequest(
            _ATTEST,
            (_SPEC, _OUTPUT),
            f"Describe the image of {field_set.address}",
            tools,
            files=(FileContent(_SPEC, json.dumps(spec, sort_keys=True).encode()),),
            digest=await Get(Digest, MergeDigests(inputs)),
            output_directories=(_OUTPUT,),
            level=LogLevel.DEBUG,
        ),
    )
    output = field_set.output_path.value_or_default(file_ending=None)
    return await _package(result.output_digest, layout, output)


def rules() -> Iterable[object]:
    return (
        *collect_rules(),
        *script_rules(),
        *source_files.rules(),
        UnionRule(PackageFieldSet, ImageAttestationsFieldSet),
    )
