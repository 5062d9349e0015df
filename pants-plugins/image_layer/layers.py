"""How each layer target gets the tree that it packs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pants.backend.python.subsystems.setup import PythonSetup
from pants.backend.python.target_types import InterpreterConstraintsField
from pants.backend.python.util_rules import local_dists, pex, python_sources
from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.backend.python.util_rules.local_dists import LocalDistsPex, LocalDistsPexRequest
from pants.backend.python.util_rules.pex import Pex
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

from image_layer.pack import ALWAYS_EXCLUDED, LayerSpec, PackLayerRequest
from image_layer.target_types import (
    FilesystemLayerDirectoriesField,
    FilesystemLayerFilesField,
    FilesystemLayerSymlinksField,
    LayerExcludeField,
    LayerPathField,
    SourcesLayerDependenciesField,
    WheelsLayerDependenciesField,
)
from pex_tree.rules import PexTree, PexTreeRequest
from pex_tree.rules import rules as pex_tree_rules
from production_closure.graph import ProductionClosure, ProductionClosureRequest

_TREE = "tree"
# `pex3 venv create` puts console scripts here, with the interpreter of the build machine in
# their first line: `python -m` is how things are started in the image.
_SCRIPTS_OF_PEX = ("bin", "bin/*")


@dataclass(frozen=True)
class WheelsLayerFieldSet(PackageFieldSet):
    required_fields = (WheelsLayerDependenciesField, LayerPathField)

    dependencies: WheelsLayerDependenciesField
    path: LayerPathField
    exclude: LayerExcludeField
    interpreter_constraints: InterpreterConstraintsField
    output_path: OutputPathField


@dataclass(frozen=True)
class SourcesLayerFieldSet(PackageFieldSet):
    required_fields = (SourcesLayerDependenciesField, LayerPathField)

    dependencies: SourcesLayerDependenciesField
    path: LayerPathField
    exclude: LayerExcludeField
    output_path: OutputPathField


@dataclass(frozen=True)
class FilesystemLayerFieldSet(PackageFieldSet):
    required_fields = (FilesystemLayerSymlinksField,)

    directories: FilesystemLayerDirectoriesField
    symlinks: FilesystemLayerSymlinksField
    files: FilesystemLayerFilesField
    output_path: OutputPathField


# Before the rules that call it: Pants reads the `Get`s of helpers that it has already seen.
async def _pack_pex(
    field_set: WheelsLayerFieldSet, pex_: Pex, constraints: InterpreterConstraints
) -> BuiltPackage:
    tree = await Get(
        PexTree,
        PexTreeRequest(
            pex=pex_,
            directory=_TREE,
            interpreter_constraints=constraints,
            description=f"Lay out the distributions of {field_set.address}",
        ),
    )
    return await Get(
        BuiltPackage,
        PackLayerRequest(
            tree.digest,
            LayerSpec(
                target=field_set.address.spec,
                output=field_set.output_path.value_or_default(file_ending="tar"),
                tree=_TREE,
                path=field_set.path.value.strip("/"),
                exclude=(*ALWAYS_EXCLUDED, *_SCRIPTS_OF_PEX, *(field_set.exclude.value or ())),
            ),
        ),
    )


@rule(desc="Build a wheels layer")
async def package_wheels_layer(
    field_set: WheelsLayerFieldSet, python_setup: PythonSetup
) -> BuiltPackage:
    await Get(ProductionClosure, ProductionClosureRequest(field_set.address))
    constraints = InterpreterConstraints(
        field_set.interpreter_constraints.value_or_global_default(python_setup)
    )
    addresses = await Get(Addresses, DependenciesRequest(field_set.dependencies))
    wheels = await Get(
        LocalDistsPex,
        LocalDistsPexRequest(addresses, internal_only=True, interpreter_constraints=constraints),
    )
    return await _pack_pex(field_set, wheels.pex, constraints)


@rule(desc="Build a sources layer")
async def package_sources_layer(field_set: SourcesLayerFieldSet) -> BuiltPackage:
    await Get(ProductionClosure, ProductionClosureRequest(field_set.address))
    addresses = await Get(Addresses, DependenciesRequest(field_set.dependencies))
    closure = await Get(TransitiveTargets, TransitiveTargetsRequest(addresses))
    sources = await Get(
        StrippedPythonSourceFiles,
        PythonSourceFilesRequest(closure.closure, include_resources=True, include_files=False),
    )
    tree = await Get(Digest, AddPrefix(sources.stripped_source_files.snapshot.digest, _TREE))
    return await Get(
        BuiltPackage,
        PackLayerRequest(
            tree,
            LayerSpec(
                target=field_set.address.spec,
                output=field_set.output_path.value_or_default(file_ending="tar"),
                tree=_TREE,
                path=field_set.path.value.strip("/"),
                exclude=(*ALWAYS_EXCLUDED, *(field_set.exclude.value or ())),
            ),
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
        *local_dists.rules(),
        *pex.rules(),
        *pex_tree_rules(),
        *python_sources.rules(),
        UnionRule(PackageFieldSet, FilesystemLayerFieldSet),
        UnionRule(PackageFieldSet, SourcesLayerFieldSet),
        UnionRule(PackageFieldSet, WheelsLayerFieldSet),
    )
