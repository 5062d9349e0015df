"""What targets share that name another target, whose package holds an OCI image layout."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain

from pants.backend.python.subsystems.setup import PythonSetup
from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.core.goals.package import (
    BuiltPackage,
    EnvironmentAwarePackageRequest,
    PackageFieldSet,
)
from pants.engine.addresses import Address, Addresses, UnparsedAddressInputs
from pants.engine.fs import (
    EMPTY_DIGEST,
    Digest,
    DigestContents,
    DigestEntries,
    DigestSubset,
    FileEntry,
    GlobMatchErrorBehavior,
    PathGlobs,
    Snapshot,
)
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.engine.target import (
    FieldSet,
    FieldSetsPerTarget,
    FieldSetsPerTargetRequest,
    InferDependenciesRequest,
    InferredDependencies,
    InvalidFieldException,
    StringField,
    StringSequenceField,
    Targets,
)
from pants.engine.unions import UnionRule
from pants.util.logging import LogLevel
from pants.util.strutil import help_text

from qingkong_build.oci.layout.field_error import invalid
from qingkong_build.oci.zstd import rules as zstd
from qingkong_build.oci.zstd.rules import ZSTD_LAYER, Zstd, ZstdRequest
from qingkong_build.sandbox.script import Script

_MARKER = "oci-layout"
# For the scripts of plugins that look into layouts, and for those that only check them.
WHOLE_IMAGE = Script(
    "qingkong_build.oci.layout", "whole_image", ("oci_layout",), uses=(ZSTD_LAYER,)
)
IMAGE_VIEW = Script("qingkong_build.oci.layout", "image_view", uses=(WHOLE_IMAGE,))
# A blob with more bytes is no manifest.
_LARGEST_MANIFEST = 4 << 20
# The media types of OCI's and of Docker's layers in zstd end in it.
_ZSTD = re.compile(rb"tar[+.]zstd")
_FINGERPRINT = re.compile(rb"sha256:([0-9a-f]{64})")


class ImageField(StringField):
    alias = "image"
    required = True
    value: str
    help = help_text(
        """
        The target whose package holds an OCI image layout, e.g. `:oci`: a directory with the files
        `oci-layout` and `index.json`.
        """
    )


class MoreTargetsField(StringSequenceField):
    """Targets that are looked at beside the image; a plugin gives it a name of its own."""

    alias = "more"
    default = ()


def addresses_in(owner: Address, field: str, values: Iterable[str]) -> UnparsedAddressInputs:
    """The addresses that `field` of the target at `owner` names."""
    return UnparsedAddressInputs(
        values,
        owning_address=owner,
        description_of_origin=f"the {field!r} field in target {owner}",
    )


@dataclass(frozen=True)
class OciLayoutRequest:
    """The layout of the target that `field` names in the target at `owner`."""

    owner: Address
    field: str
    value: str

    @property
    def addresses(self) -> UnparsedAddressInputs:
        return addresses_in(self.owner, self.field, (self.value,))


@dataclass(frozen=True)
class OciLayout:
    """`digest` holds the layout in the directory `path`, and nothing else."""

    digest: Digest
    path: str
    address: Address


@rule
async def find_layout(request: OciLayoutRequest) -> OciLayout:
    targets, addresses = await MultiGet(
        Get(Targets, UnparsedAddressInputs, request.addresses),
        Get(Addresses, UnparsedAddressInputs, request.addresses),
    )
    field_sets = await Get(FieldSetsPerTarget, FieldSetsPerTargetRequest(PackageFieldSet, targets))
    packages = await MultiGet(
        Get(BuiltPackage, EnvironmentAwarePackageRequest(field_set))
        for field_set in field_sets.field_sets
    )
    snapshots = await MultiGet(Get(Snapshot, Digest, package.digest) for package in packages)
    found = [
        (os.path.dirname(file), package.digest)
        for package, snapshot in zip(packages, snapshots)
        for file in snapshot.files
        if os.path.basename(file) == _MARKER
    ]
    if len(found) != 1:
        raise InvalidFieldException(
            f"The {request.field!r} field in target {request.owner} is {request.value!r}, whose "
            f"package holds {len(found) or 'no'} OCI image layout{'s' * (len(found) > 1)} "
            f"(directories with a file {_MARKER!r}). Name a target that builds one."
        )
    ((path, digest),) = found
    subset = await Get(Digest, DigestSubset(digest, PathGlobs([os.path.join(path, "**")])))
    return OciLayout(subset, path, addresses.expect_single())


@dataclass(frozen=True)
class LayoutReaderRequest:
    """For a script on an interpreter of `python` that reads the layers of `layout`."""

    layout: OciLayout
    python: InterpreterConstraints


@dataclass(frozen=True)
class LayoutReader:
    """`digest` has what the script needs beside itself: nothing, unless a layer is in zstd."""

    digest: Digest


@rule
async def find_reader(request: LayoutReaderRequest) -> LayoutReader:
    layout = request.layout
    entries = await Get(DigestEntries, Digest, layout.digest)
    small = {
        entry.path
        for entry in entries
        if isinstance(entry, FileEntry)
        and entry.file_digest.serialized_bytes_length <= _LARGEST_MANIFEST
    }
    # As text, before anything is checked: the script says what is wrong with a document. An index
    # names manifests, or indexes; no layer is read.
    unread, read = {os.path.join(layout.path, "index.json")} & small, set()
    while unread:
        documents = await Get(
            DigestContents, DigestSubset(layout.digest, PathGlobs(sorted(unread)))
        )
        if any(_ZSTD.search(document.content) for document in documents):
            zstd_library = await Get(Zstd, ZstdRequest(request.python))
            return LayoutReader(zstd_library.digest)
        read |= unread
        named = {
            os.path.join(layout.path, "blobs", "sha256", fingerprint.decode())
            for document in documents
            if b'"manifests"' in document.content
            for fingerprint in _FINGERPRINT.findall(document.content)
        }
        unread = named & small - read
    return LayoutReader(EMPTY_DIGEST)


@dataclass(frozen=True)
class ImageFieldSet(FieldSet):
    required_fields = (ImageField,)

    image: ImageField
    more: MoreTargetsField


class InferImage(InferDependenciesRequest[ImageFieldSet]):
    infer_from = ImageFieldSet


@rule(desc="What a target looks at", level=LogLevel.DEBUG)
async def infer_image(request: InferImage) -> InferredDependencies:
    address, image, more = (
        request.field_set.address,
        request.field_set.image,
        request.field_set.more,
    )
    named = await MultiGet(
        Get(Addresses, UnparsedAddressInputs, addresses_in(address, image.alias, (image.value,))),
        Get(Addresses, UnparsedAddressInputs, addresses_in(address, more.alias, more.value or ())),
    )
    return InferredDependencies(chain.from_iterable(named))


def lockfile_paths(
    address: Address,
    field: StringSequenceField,
    default: Iterable[str],
    option: str,
    python_setup: PythonSetup,
) -> list[str]:
    """Those of the resolves that `field` of the target at `address` names, or of `default`.

    `option` is that of `[production-closure]` which the default comes from.
    """
    resolves = tuple(default if field.value is None else field.value)
    for resolve in resolves:
        if resolve not in python_setup.resolves:
            known = f"[python.resolves] has only: {', '.join(sorted(python_setup.resolves))}"
            if field.value is not None:
                raise invalid(
                    *(field.alias, address, list(resolves), f"{resolve!r}: {known}"),
                    "name some of these",
                )
            raise InvalidFieldException(
                f"[production-closure].{option}={list(resolves)}: {resolve!r}: {known}. Fix: name "
                f"some of these in the option, or in the {field.alias!r} field of {address}."
            )
    return [python_setup.resolves[resolve] for resolve in resolves]


def lockfile_globs(paths: Iterable[str]) -> PathGlobs:
    """Lockfiles, each of which must be there."""
    return PathGlobs(
        paths,
        glob_match_error_behavior=GlobMatchErrorBehavior.error,
        description_of_origin="[python.resolves]",
    )


def rules() -> Iterable[object]:
    return (*collect_rules(), *zstd.rules(), UnionRule(InferDependenciesRequest, InferImage))
