"""The page of an image, which `pants run` of an `image_explanation` writes with `--html`.

The image is built for it, and without `--html` it is not.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pants.backend.python.subsystems.setup import PythonSetup
from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.engine.addresses import Address
from pants.engine.fs import Digest, MergeDigests
from pants.engine.process import ProcessResult
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.engine.target import Dependencies, DependenciesRequest, Targets

from qingkong_build.oci.explain.target_types import ImageExplanationDependenciesField
from qingkong_build.oci.layers.base_field import BaseField
from qingkong_build.oci.layout.field_error import invalid
from qingkong_build.oci.layout.rules import (
    IMAGE_VIEW,
    LayoutReader,
    LayoutReaderRequest,
    OciLayout,
    OciLayoutRequest,
)
from qingkong_build.sandbox.rules import ScriptRequest
from qingkong_build.sandbox.rules import rules as script_rules
from qingkong_build.sandbox.script import Script

#: The page, in the digest of `ImagePage`.
PAGE = "image.html"
_DRAW = Script(
    "qingkong_build.oci.explain",
    "draw_image",
    ("image_page", "read_distributions", "treemap"),
    uses=(IMAGE_VIEW,),
)


@dataclass(frozen=True)
class ImagePageRequest:
    """For the `image_explanation` at `address`."""

    address: Address
    dependencies: ImageExplanationDependenciesField


@dataclass(frozen=True)
class ImagePage:
    """`digest` has the file `PAGE`."""

    digest: Digest


# Before the rule that calls it: Pants reads the `Get`s of helpers that it has already seen.
async def _image_of(request: ImagePageRequest) -> Address:
    """The one image that is explained: named, or brought into an engine by what is named."""
    named = await Get(Targets, DependenciesRequest(request.dependencies))
    behind = await MultiGet(
        Get(Targets, DependenciesRequest(target.get(Dependencies)))
        for target in named
        if not target.has_field(BaseField)
    )
    targets = [target for targets in (named, *behind) for target in targets]
    images = sorted({target.address for target in targets if target.has_field(BaseField)})
    if len(images) != 1:
        raise invalid(
            *(request.dependencies.alias, request.address),
            [target.address.spec for target in named],
            f"--html draws one image, and these are {len(images)}",
            "name one `oci_image`, or a `docker_image` of one",
        )
    return images[0]


@rule(desc="Draw an image")
async def draw_image(request: ImagePageRequest, python_setup: PythonSetup) -> ImagePage:
    image = await _image_of(request)
    layout = await Get(
        OciLayout, OciLayoutRequest(request.address, request.dependencies.alias, image.spec)
    )
    python = InterpreterConstraints(python_setup.interpreter_constraints)
    reader = await Get(LayoutReader, LayoutReaderRequest(layout, python))
    result = await Get(
        ProcessResult,
        ScriptRequest(
            _DRAW,
            (layout.path, PAGE),
            f"Draw {image}",
            python,
            digest=await Get(Digest, MergeDigests([layout.digest, reader.digest])),
            output_files=(PAGE,),
        ),
    )
    return ImagePage(result.output_digest)


def rules() -> Iterable[object]:
    return (*collect_rules(), *script_rules())
