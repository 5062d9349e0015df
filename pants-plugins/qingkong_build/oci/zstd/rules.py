"""`zstandard`, for the scripts that write or read layers in zstd: the others run without it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pants.backend.python.subsystems.setup import PythonSetup
from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.backend.python.util_rules.pex import Pex, PexRequest
from pants.engine.fs import Digest, DigestSubset, PathGlobs
from pants.engine.rules import Get, collect_rules, rule

from qingkong_build.pex_tree import rules as pex_tree
from qingkong_build.pex_tree.rules import PexTree, PexTreeRequest
from qingkong_build.sandbox.requirements import ScriptRequirements
from qingkong_build.sandbox.script import FOLDER, Script

#: Compresses a layer, and is what other scripts read one with.
ZSTD_LAYER = Script("qingkong_build.oci.zstd", "zstd_layer")


class ImageZstd(ScriptRequirements):
    options_scope = "image-zstd"
    name = "zstd"
    help = (
        "Layers compressed with zstd: those of an `oci_image` whose `compression` says so, and "
        "those of a base."
    )

    default_version = "zstandard==0.25.0"
    projects = ("zstandard",)
    resolve = "image-tools"


@dataclass(frozen=True)
class ZstdRequest:
    """For a script on an interpreter of `python`; None leaves that to the resolve."""

    python: InterpreterConstraints | None = None


@dataclass(frozen=True)
class Zstd:
    """`digest` has `zstandard` beside a sandbox's scripts, which run on `python`."""

    digest: Digest
    python: InterpreterConstraints


@rule(desc="Get zstandard")
async def get_zstd(request: ZstdRequest, tool: ImageZstd, python_setup: PythonSetup) -> Zstd:
    python = request.python or tool.python(python_setup)
    pex = await Get(Pex, PexRequest, tool.to_pex_request(interpreter_constraints=python))
    tree = await Get(PexTree, PexTreeRequest(pex, FOLDER, python, "Lay out zstandard"))
    # Its other back end is as large and is not used.
    package = PathGlobs([f"{FOLDER}/zstandard/**", f"!{FOLDER}/zstandard/_cffi*"])
    return Zstd(await Get(Digest, DigestSubset(tree.digest, package)), python)


def rules() -> Iterable[object]:
    return (*collect_rules(), *pex_tree.rules())
