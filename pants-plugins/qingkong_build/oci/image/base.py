"""Finding a base image, and having its blobs at hand."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.engine.fs import (
    EMPTY_DIGEST,
    Digest,
    DigestContents,
    DigestSubset,
    PathGlobs,
    RemovePrefix,
)
from pants.engine.process import FallibleProcessResult, Process, ProcessCacheScope, ProcessResult
from pants.engine.rules import Get, collect_rules, rule
from pants.util.frozendict import FrozenDict

from qingkong_build.downloads import network
from qingkong_build.downloads.network import NetworkAccess
from qingkong_build.downloads.rules import HTTP
from qingkong_build.oci.engine.rules import (
    EngineImages,
    EngineImagesRequest,
    EngineSearch,
    ImageOffer,
    ImageOfferRequest,
)
from qingkong_build.oci.image.documents import ZSTD, BaseConfig, Blob
from qingkong_build.oci.image.subsystem import BaseSourceKind, ImageAssembly
from qingkong_build.oci.layers.base_field import DOCKER_ARCHIVE, OCI_LAYOUT
from qingkong_build.oci.zstd.rules import ZSTD_LAYER, Zstd, ZstdRequest
from qingkong_build.sandbox import local
from qingkong_build.sandbox.local import LocalProcess
from qingkong_build.sandbox.rules import ScriptRequest
from qingkong_build.sandbox.script import Script

logger = logging.getLogger(__name__)

_PATHS = {DOCKER_ARCHIVE: "--docker-archive", OCI_LAYOUT: "--oci-layout"}
_READ = Script(
    "qingkong_build.oci.image",
    "read_base",
    ("base_documents",),
    uses=(ZSTD_LAYER,),
    package_modules=("layer_tree",),
)
# A client of registries.
REGISTRY = Script(
    "qingkong_build.oci.image",
    "registry",
    ("registry_login", "registry_tokens", "registry_uploads"),
    uses=(HTTP,),
)
_FETCH = Script("qingkong_build.oci.image", "fetch_base", uses=(_READ, REGISTRY))


class BaseNotFoundError(Exception):
    """No base of this name, and where it was looked for."""


@dataclass(frozen=True)
class BaseRequest:
    """`reference` is as in `FROM`, or `docker-archive:PATH` or `oci:PATH`; for Linux."""

    reference: str
    architecture: str


@dataclass(frozen=True)
class Base:
    """`digest` has the layers' blobs, below `blobs/sha256/`."""

    config: BaseConfig
    layers: tuple[Blob, ...]
    digest: Digest


@dataclass(frozen=True)
class BaseSource:
    """How a script gets a base. `argv` names its content."""

    script: Script
    argv: tuple[str, ...]
    cache_scope: ProcessCacheScope = ProcessCacheScope.SUCCESSFUL
    caches: FrozenDict[str, str] = FrozenDict()


@dataclass(frozen=True)
class EngineBaseSourceRequest:
    """Of the container engine in use, the image `reference`."""

    reference: str
    architecture: str


@dataclass(frozen=True)
class EngineBaseSource:
    """`source` is None where there is no engine, or it has no such image."""

    source: BaseSource | None


@rule
async def find_base_in_engine(request: EngineBaseSourceRequest) -> EngineBaseSource:
    search = await Get(EngineSearch)
    engine = search.optional()
    if engine is None:
        return EngineBaseSource(None)
    found = await Get(EngineImages, EngineImagesRequest(engine, (request.reference,)))
    (image,) = found.images
    if image is None or json.loads(image.config)["architecture"] != request.architecture:
        return EngineBaseSource(None)
    offer = await Get(ImageOffer, ImageOfferRequest(engine, image.id))
    return EngineBaseSource(
        BaseSource(
            _READ,
            ("--offer", offer.path, "--image", f"sha256:{offer.image_id}"),
            caches=offer.caches,
        )
    )


# Before the rule that calls it: Pants reads the `Get`s of helpers that it has already seen.
async def _stand_in(request: BaseRequest, reason: str, options: ImageAssembly) -> BaseSource:
    """What the engine has in place of a base that its registry did not give, for `reason`."""
    reference, architecture = request.reference, request.architecture
    stand_in = options.stand_ins.get(reference)
    asks_engine = options.base_source is not BaseSourceKind.registry
    if stand_in and asks_engine:
        in_engine = await Get(EngineBaseSource, EngineBaseSourceRequest(stand_in, architecture))
        if in_engine.source is not None:
            logger.warning(
                "%s cannot be pulled; using its stand-in in the container engine, %s. %s",
                *(reference, stand_in, reason),
            )
            return in_engine.source
    raise BaseNotFoundError(
        f"getting the base for linux/{architecture}: base={reference}: "
        f"{'no engine has it, and ' if asks_engine else ''}its registry: {reason}. "
        f"Fix: {options.base_hint}."
    )


@rule
async def find_base(request: BaseRequest, options: ImageAssembly) -> BaseSource:
    reference = request.reference
    for prefix, argument in _PATHS.items():
        if reference.startswith(prefix):
            path = reference[len(prefix) :]
            if not path.startswith("/"):
                raise BaseNotFoundError(
                    f"getting the base for linux/{request.architecture}: base={reference}: the "
                    f"path is not absolute. Fix: write {prefix}/ and the rest of the path."
                )
            return BaseSource(
                _READ,
                (argument, path, f"--architecture={request.architecture}"),
                # What is in it may change, and it is quick to read.
                ProcessCacheScope.PER_SESSION,
            )
    if options.base_source is not BaseSourceKind.registry:
        in_engine = await Get(
            EngineBaseSource, EngineBaseSourceRequest(reference, request.architecture)
        )
        if in_engine.source is not None:
            return in_engine.source
        if options.base_source is BaseSourceKind.engine:
            raise BaseNotFoundError(
                f"getting the base for linux/{request.architecture}: base={reference}: the "
                "container engine of this machine does not have it. Fix: pull it, or set "
                "[image-assembly].base_source to 'registry'."
            )
    access = await Get(NetworkAccess)
    plain = tuple(f"--plain-http={each}" for each in options.insecure_registries)
    default = (
        (f"--default-registry={options.default_registry}",) if options.default_registry else ()
    )
    process = await Get(
        Process,
        ScriptRequest(
            _FETCH,
            ("resolve", reference, *plain, *default),
            f"Ask a registry what {reference} is",
            options.python,
            caches=access.caches,
            # A tag may become another image; a digest is what it is, and nothing is asked.
            cache_scope=(
                ProcessCacheScope.SUCCESSFUL if "@" in reference else ProcessCacheScope.PER_SESSION
            ),
        ),
    )
    resolved = await Get(FallibleProcessResult, LocalProcess(process))
    if resolved.exit_code:
        return await _stand_in(request, resolved.stderr.decode(errors="replace").strip(), options)
    pinned = resolved.stdout.decode().strip()
    return BaseSource(
        _FETCH,
        ("fetch", pinned, f"--architecture={request.architecture}", *plain, *default),
        caches=access.caches,
    )


@dataclass(frozen=True)
class SourcedBaseRequest:
    """The base that `source` gets; the rest is for those who read about it."""

    source: BaseSource
    reference: str
    architecture: str


@rule
async def get_base(request: BaseRequest) -> Base:
    source = await Get(BaseSource, BaseRequest, request)
    return await Get(Base, SourcedBaseRequest(source, request.reference, request.architecture))


# Before the rule that calls it, as above.
async def _base_tree(
    request: SourcedBaseRequest, python: InterpreterConstraints, library: Digest
) -> tuple[Digest, dict[str, Any]]:
    """What the script writes, and the document about it."""
    source = request.source
    process = await Get(
        Process,
        ScriptRequest(
            source.script,
            source.argv,
            f"Get the base {request.reference} for linux/{request.architecture}",
            python,
            digest=library,
            output_directories=("base",),
            caches=source.caches,
            cache_scope=source.cache_scope,
        ),
    )
    # A path, an engine and what signs in at a registry are this machine's.
    result = await Get(ProcessResult, LocalProcess(process))
    tree = await Get(Digest, RemovePrefix(result.output_digest, "base"))
    (document,) = await Get(DigestContents, DigestSubset(tree, PathGlobs(["base.json"])))
    return tree, json.loads(document.content)


@rule(desc="Get the base of a container image")
async def get_sourced_base(request: SourcedBaseRequest, options: ImageAssembly) -> Base:
    tree, raw = await _base_tree(request, options.python, EMPTY_DIGEST)
    # Known after the first look only: no other base waits for the library.
    if raw.get("needs") == ZSTD:
        zstd = await Get(Zstd, ZstdRequest())
        tree, raw = await _base_tree(request, zstd.python, zstd.digest)
    layers = tuple(
        Blob(each["digest"][len("sha256:") :], each["size"], each["mediaType"])
        for each in raw["layers"]
    )
    blobs = await Get(Digest, DigestSubset(tree, PathGlobs(["blobs/**"])))
    return Base(BaseConfig.from_json(raw["config"], request.reference), layers, blobs)


def rules() -> Iterable[object]:
    return (*collect_rules(), *local.rules(), *network.rules())
