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
from pants.core.goals.package import BuiltPackage, OutputPathField, PackageFieldSet
from pants.engine.addresses import Addresses
from pants.engine.fs import EMPTY_DIGEST, AddPrefix, Digest
from pants.engine.rules import Get, collect_rules, rule
from pants.engine.target import (
    DependenciesRequest,
    TransitiveTargets,
    TransitiveTargetsRequest,
)
from pants.engine.unions import UnionRule
from pants.util.frozendict import FrozenDict

from image_layer import bytecode
from image_layer.bytecode import PackTreeRequest
from image_layer.pack import LayerSpec, PackLayerRequest
from image_layer.target_types import (
    FilesystemLayerDirectoriesField,
    FilesystemLayerFilesField,
    FilesystemLayerSymlinksField,
    LayerPathField,
    SourcesLayerDependenciesField,
)
from image_layer.tree_layer import TREE, TreeLayerFieldSet
from production_closure.graph import ProductionClosure, ProductionClosureRequest


@dataclass(frozen=True)
class SourcesLayerFieldSet(TreeLayerFieldSet):
    required_fields = (SourcesLayerDependenciesField, LayerPathField)

    dependencies: SourcesLayerDependenciesField


@dataclass(frozen=True)
class FilesystemLayerFieldSet(PackageFieldSet):
    required_fields = (FilesystemLayerSymlinksField,)

    directories: FilesystemLayerDirectoriesField
    symlinks: FilesystemLayerSymlinksField
    files: FilesystemLayerFilesField
    output_path: OutputPathField


@rule(desc="Build a sources layer")
async def package_sources_layer(
    field_set: SourcesLayerFieldSet, python_setup: PythonSetup
) -> BuiltPackage:
    await Get(ProductionClosure, ProductionClosureRequest(field_set.address))
    addresses = await Get(Addresses, DependenciesRequest(field_set.dependencies))
    closure = await Get(TransitiveTargets, TransitiveTargetsRequest(addresses))
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
        UnionRule(PackageFieldSet, FilesystemLayerFieldSet),
        UnionRule(PackageFieldSet, SourcesLayerFieldSet),
    )
