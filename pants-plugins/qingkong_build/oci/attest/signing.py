"""`pants run` of an `image_attestations`: signs what it packages, or verifies any layout.

A command and no process of the build: the key and the program that has it are the caller's, and
nothing is built to verify what another machine has built.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

from pants.backend.python.subsystems.setup import PythonSetup
from pants.backend.python.util_rules import pex_environment
from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.backend.python.util_rules.pex_environment import PythonExecutable
from pants.core.goals.package import OutputPathField
from pants.core.goals.run import RunFieldSet, RunInSandboxBehavior, RunRequest
from pants.core.util_rules import distdir
from pants.core.util_rules.distdir import DistDir
from pants.engine.fs import CreateDigest, Digest, MergeDigests
from pants.engine.rules import Get, MultiGet, collect_rules, rule

from qingkong_build.oci.attest.target_types import AttestedImageField
from qingkong_build.oci.layout.rules import WHOLE_IMAGE
from qingkong_build.oci.zstd.rules import ImageZstd, Zstd, ZstdRequest
from qingkong_build.sandbox.script import Script

# Where a package has the layout.
LAYOUT = "oci"
_SIGNATURES = Script(
    "qingkong_build.oci.attest",
    "signatures",
    (
        "attest_error",
        "dsse",
        "public_key",
        "referrers",
        "sign_image",
        "signer",
        "statements",
        "subjects",
        "verify_image",
    ),
    uses=(WHOLE_IMAGE,),
)


@dataclass(frozen=True)
class ImageSignaturesFieldSet(RunFieldSet):
    required_fields = (AttestedImageField,)
    run_in_sandbox_behavior = RunInSandboxBehavior.NOT_SUPPORTED

    output_path: OutputPathField


@rule
async def run_signatures(
    field_set: ImageSignaturesFieldSet,
    python_setup: PythonSetup,
    dist_dir: DistDir,
    image_zstd: ImageZstd,
) -> RunRequest:
    constraints = InterpreterConstraints(python_setup.interpreter_constraints)
    python, digest = await MultiGet(
        Get(PythonExecutable, InterpreterConstraints, constraints),
        Get(Digest, CreateDigest(_SIGNATURES.files())),
    )
    # Nothing is known of the layout here: it may be from another machine.
    if image_zstd.install_from_resolve:
        zstd = await Get(Zstd, ZstdRequest(constraints))
        digest = await Get(Digest, MergeDigests([digest, zstd.digest]))
    packaged = field_set.output_path.value_or_default(file_ending=None)
    # It runs in the workspace, beside which the sandbox is. As sandboxes run scripts: isolated, but
    # for their own folder.
    return RunRequest(
        digest=digest,
        args=(
            *(python.path, "-E", "-s", "-S", "-B"),
            f"{{chroot}}/{_SIGNATURES.path}",
            f"--packaged={os.path.join(dist_dir.relpath, packaged, LAYOUT)}",
        ),
    )


def rules() -> Iterable[object]:
    return (
        *collect_rules(),
        *distdir.rules(),
        *pex_environment.rules(),
        *ImageSignaturesFieldSet.rules(),
    )
