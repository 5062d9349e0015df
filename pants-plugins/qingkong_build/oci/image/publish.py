"""`pants publish` of an `oci_image`: only what a registry lacks is sent."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pants.core.goals.package import OutputPathField
from pants.core.goals.publish import (
    PublishFieldSet,
    PublishPackages,
    PublishProcesses,
    PublishRequest,
)
from pants.engine.fs import Digest, MergeDigests
from pants.engine.process import InteractiveProcess, Process
from pants.engine.rules import Get, collect_rules, rule

from qingkong_build.downloads import network
from qingkong_build.downloads.network import NetworkAccess
from qingkong_build.oci.image.base import REGISTRY
from qingkong_build.oci.image.subsystem import ImageAssembly
from qingkong_build.oci.image.target_types import LayersField, RepositoriesField
from qingkong_build.sandbox.rules import ScriptRequest
from qingkong_build.sandbox.script import Script

_PUSH = Script("qingkong_build.oci.image", "push_layout", uses=(REGISTRY,))


class PublishOciImageRequest(PublishRequest):  # type: ignore[type-arg]
    pass


@dataclass(frozen=True)
class PublishOciImageFieldSet(PublishFieldSet):  # type: ignore[type-arg]
    publish_request_type = PublishOciImageRequest
    required_fields = (LayersField, RepositoriesField)

    repositories: RepositoriesField
    output_path: OutputPathField


@rule(desc="Push an OCI image")
async def push_oci_image(
    request: PublishOciImageRequest, options: ImageAssembly
) -> PublishProcesses:
    field_set = request.field_set
    assert isinstance(field_set, PublishOciImageFieldSet)
    names = field_set.repositories.value or ()
    if not names:
        return PublishProcesses(
            [
                PublishPackages(
                    names=(str(field_set.address),),
                    description=f"(its {field_set.repositories.alias!r} field is empty)",
                )
            ]
        )
    access = await Get(NetworkAccess)
    packages = await Get(Digest, MergeDigests(package.digest for package in request.packages))
    process = await Get(
        Process,
        ScriptRequest(
            _PUSH,
            (
                field_set.output_path.value_or_default(file_ending=None),
                *names,
                *(f"--plain-http={each}" for each in options.insecure_registries),
            ),
            f"Push {field_set.address}",
            options.python,
            digest=packages,
            caches=access.caches,
        ),
    )
    return PublishProcesses(
        [PublishPackages(names=names, process=InteractiveProcess.from_process(process))]
    )


def rules() -> Iterable[object]:
    return (*collect_rules(), *network.rules(), *PublishOciImageFieldSet.rules())
