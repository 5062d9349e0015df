"""Layers of first-party sources, and of what a target spells out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pants.backend.python.subsystems.setup import PythonSetup
from pants.backend.python.util_rules import python_sources
from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.backend.python.util_rules.python_sources import (
    PythonSourceFilesRequest,
    StrippedPythonSourceFiles,
)
from pants.core.goals.package import BuiltPackage
from pants.core.target_types import FileSourceField, ResourceSourceField
from pants.core.util_rules import source_files, stripped_source_files
from pants.core.util_rules.source_files import SourceFiles, SourceFilesRequest
from pants.core.util_rules.stripped_source_files import StrippedSourceFiles
from pants.engine.addresses import Address, Addresses
from pants.engine.fs import EMPTY_DIGEST, AddPrefix, Digest, MergeDigests
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.engine.target import (
    DependenciesRequest,
    FieldSet,
    InvalidFieldException,
    SourcesField,
    Target,
    Targets,
    TransitiveTargets,
    TransitiveTargetsRequest,
)
from pants.engine.unions import UnionMembership
from pants.util.frozendict import FrozenDict

from qingkong_build.oci.layers import bytecode
from qingkong_build.oci.layers.bytecode import PackTreeRequest
from qingkong_build.oci.layers.pack import LayerSpec, PackLayerRequest
from qingkong_build.oci.layers.target_types import (
    FilesLayerDependenciesField,
    FilesLayerDirectoryModeField,
    FilesLayerFileModeField,
    FilesLayerOwnerField,
    FilesystemLayerDirectoriesField,
    FilesystemLayerFilesField,
    FilesystemLayerSymlinksField,
    LayerExcludeField,
    LayerOutputPathField,
    LayerPathField,
    SourcesLayerDependenciesField,
)
from qingkong_build.oci.layers.tree_layer import TREE, TreeLayerFieldSet
from qingkong_build.python_lock.graph import ProductionClosure, ProductionClosureRequest

# What a layer of data is made of.
_DATA = (FileSourceField, ResourceSourceField)


@dataclass(frozen=True)
class SourcesLayerFieldSet(TreeLayerFieldSet):
    required_fields = (SourcesLayerDependenciesField, LayerPathField)

    dependencies: SourcesLayerDependenciesField


@dataclass(frozen=True)
class FilesLayerFieldSet(FieldSet):
    required_fields = (FilesLayerDependenciesField, LayerPathField)

    dependencies: FilesLayerDependenciesField
    path: LayerPathField
    exclude: LayerExcludeField
    owner: FilesLayerOwnerField
    file_mode: FilesLayerFileModeField
    directory_mode: FilesLayerDirectoryModeField
    output_path: LayerOutputPathField


@dataclass(frozen=True)
class FilesystemLayerFieldSet(FieldSet):
    required_fields = (FilesystemLayerSymlinksField,)

    directories: FilesystemLayerDirectoriesField
    symlinks: FilesystemLayerSymlinksField
    files: FilesystemLayerFilesField
    output_path: LayerOutputPathField


def check_no_files(owner: Address, field: str, closure: Iterable[Target]) -> None:
    """Refuse what would not be in the layer of sources that `field` of the target asks for."""
    for target in closure:
        if target.has_field(FileSourceField):
            raise InvalidFieldException(
                f"packing {owner}: {field}={target.address}: a "
                f"`{target.alias}` target has no place beside sources, and is no part of this "
                "layer. Fix: make it a `resource`, which goes with its package, or put it into a "
                "`files_layer`."
            )


def check_has_files(
    field_set: FilesLayerFieldSet, dependencies: Iterable[Target], unions: UnionMembership
) -> None:
    """Refuse what would not be in the layer."""
    for target in dependencies:
        sources = target.get(SourcesField)
        if not isinstance(sources, _DATA) and not any(
            type(sources).can_generate(kind, unions) for kind in _DATA
        ):
            raise InvalidFieldException(
                f"packing {field_set.address}: {field_set.dependencies.alias}={target.address}: a "
                f"`{target.alias}` target has no data files. Fix: name `files` or `resources`, or "
                "use the layer that is for it: `sources_layer`, `wheels_layer`."
            )


@rule(desc="Build a files layer")
async def package_files_layer(
    field_set: FilesLayerFieldSet, unions: UnionMembership
) -> BuiltPackage:
    dependencies = await Get(Targets, DependenciesRequest(field_set.dependencies))
    check_has_files(field_set, dependencies, unions)
    closure = await Get(
        TransitiveTargets, TransitiveTargetsRequest(target.address for target in dependencies)
    )
    fields = [target.get(SourcesField) for target in closure.closure]
    files, resources = await MultiGet(
        Get(
            SourceFiles,
            SourceFilesRequest(fields, for_sources_types=(FileSourceField,), enable_codegen=True),
        ),
        Get(
            StrippedSourceFiles,
            SourceFilesRequest(
                fields, for_sources_types=(ResourceSourceField,), enable_codegen=True
            ),
        ),
    )
    merged = await Get(Digest, MergeDigests([files.snapshot.digest, resources.snapshot.digest]))
    return await Get(
        BuiltPackage,
        PackLayerRequest(
            await Get(Digest, AddPrefix(merged, TREE)),
            LayerSpec(
                target=field_set.address.spec,
                output=field_set.output_path.value_or_default(file_ending="tar"),
                tree=TREE,
                path=field_set.path.value.strip("/"),
                exclude=field_set.exclude.value or (),
                owner=field_set.owner.value,
                file_mode=field_set.file_mode.value or "",
                directory_mode=field_set.directory_mode.value or "",
            ),
        ),
    )


@rule(desc="Build a sources layer")
async def package_sources_layer(
    field_set: SourcesLayerFieldSet, python_setup: PythonSetup
) -> BuiltPackage:
    await Get(ProductionClosure, ProductionClosureRequest(field_set.address))
    addresses = await Get(Addresses, DependenciesRequest(field_set.dependencies))
    closure = await Get(TransitiveTargets, TransitiveTargetsRequest(addresses))
    check_no_files(field_set.address, field_set.dependencies.alias, closure.closure)
    sources = await Get(
        StrippedPythonSourceFiles,
        PythonSourceFilesRequest(closure.closure, include_resources=True, include_files=False),
    )
    tree = await Get(Digest, AddPrefix(sources.stripped_source_files.snapshot.digest, TREE))
    return await Get(
        BuiltPackage,
        PackTreeRequest,
        field_set.packed(
            tree,
            InterpreterConstraints(python_setup.interpreter_constraints),
            exclude=field_set.exclude.value or (),
        ),
    )


@rule(desc="Build a filesystem layer")
async def package_filesystem_layer(field_set: FilesystemLayerFieldSet) -> BuiltPackage:
    return await Get(
        BuiltPackage,
        PackLayerRequest(
            EMPTY_DIGEST,
            LayerSpec(
                target=field_set.address.spec,
                output=field_set.output_path.value_or_default(file_ending="tar"),
                directories=field_set.directories.value or FrozenDict(),
                symlinks=field_set.symlinks.value or FrozenDict(),
                files=field_set.files.value or FrozenDict(),
            ),
        ),
    )


def rules() -> Iterable[object]:
    return (
        *collect_rules(),
        *bytecode.rules(),
        *python_sources.rules(),
        *source_files.rules(),
        *stripped_source_files.rules(),
    )
