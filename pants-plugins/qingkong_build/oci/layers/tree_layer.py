"""What layers that hold a tree of Python files have in common."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.engine.fs import Digest
from pants.engine.target import FieldSet

from qingkong_build.oci.layers.bytecode import PackTreeRequest
from qingkong_build.oci.layers.pack import LayerSpec
from qingkong_build.oci.layers.target_types import (
    LayerBytecodeField,
    LayerExcludeField,
    LayerOutputPathField,
    LayerPathField,
)

# Below which directory of its digest a tree is.
TREE = "tree"


@dataclass(frozen=True)
class TreeLayerFieldSet(FieldSet):
    path: LayerPathField
    exclude: LayerExcludeField
    bytecode: LayerBytecodeField
    output_path: LayerOutputPathField

    def packed(
        self,
        tree: Digest,
        python: InterpreterConstraints,
        *,
        exclude: Iterable[str] = (),
        forbid: Iterable[str] = (),
    ) -> PackTreeRequest:
        """How to pack what `tree` has below `TREE`, for an image with the interpreter `python`."""
        return PackTreeRequest(
            tree,
            LayerSpec(
                target=self.address.spec,
                output=self.output_path.value_or_default(file_ending="tar"),
                tree=TREE,
                path=self.path.value.strip("/"),
                exclude=tuple(exclude),
                forbid=tuple(forbid),
            ),
            self.bytecode.value,
            python,
        )
