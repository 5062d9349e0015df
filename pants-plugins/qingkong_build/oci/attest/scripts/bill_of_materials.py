"""A CycloneDX bill of materials of an image, from the lock, checked against the image."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from attest_error import AttestError
from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.component_evidence import ComponentEvidence, Occurrence
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from image_contents import (
    DebianPackage,
    Distribution,
    System,
    changed_files,
    debian_packages,
    distributions,
    python_version,
    system,
)
from image_view import ImageView
from locked_closure import Artifact, Locked
from packageurl import PackageURL

# Any fixed one; ids of bills are made from it and from what they list.
_NAMESPACE = uuid.UUID("b3b9a1a4-9d0d-5a52-8f6e-1f1d9b0f6f0e")
_TITLE = "org.opencontainers.image.title"
_VERSION = "org.opencontainers.image.version"


@dataclass(frozen=True)
class Source:
    """Where a distribution of the image comes from: the lock's entry, and the very file."""

    locked: Locked
    artifact: Artifact


def match(image: ImageView, expected: Mapping[str, Locked]) -> dict[str, Source]:
    """The source of each distribution that our layers bring, by name.

    Raises:
        AttestError: the image has others than expected, or files that were changed.
    """
    found: dict[str, Distribution] = {}
    problems: list[str] = []
    seen: set[str] = set()
    for distribution in distributions(image):
        if distribution.name in seen:
            problems.append(f"{distribution.name} is in the image twice")
        seen.add(distribution.name)
        if distribution.added:
            found[distribution.name] = distribution
    for name in sorted({*found, *expected}):
        if name not in expected:
            version = found[name].version
            problems.append(f"{name} {version} is in the image, but not locked")
        elif name not in found:
            problems.append(f"{name} {expected[name].version} is locked, but not in the image")
        elif found[name].version != expected[name].version:
            problems.append(
                f"{name} is {found[name].version} in the image, but locked at "
                f"{expected[name].version} ({expected[name].origin})"
            )
        else:
            problems += [
                f"/{path} is not what RECORD of {name} says"
                for path in changed_files(image, found[name])
            ]
    sources = {}
    for name in sorted({*found} & {*expected}):
        artifact = _installed(found[name], expected[name])
        if artifact is None:
            tags = ", ".join(sorted(str(tag) for tag in found[name].tags))
            problems.append(
                f"{name} is from a wheel for {tags or 'nothing named'}, and no file locked "
                f"({expected[name].origin}) is that"
            )
        else:
            sources[name] = Source(expected[name], artifact)
    if problems:
        raise AttestError(
            f"image {image.manifest.digest} is not what is locked: {'; '.join(problems)}. "
            "Fix: package its layers again, or lock what it holds."
        )
    return sources


def _installed(distribution: Distribution, locked: Locked) -> Artifact | None:
    """The wheel with the same tags: the file's name and its WHEEL do not always say all."""
    for artifact in locked.artifacts:
        if artifact.tags and artifact.tags <= distribution.tags:
            return artifact
    for artifact in locked.artifacts:
        if artifact.tags & distribution.tags:
            return artifact
    return None


def bill(image: ImageView, sources: Mapping[str, Source], created: datetime) -> bytes:
    """The document, the same bytes for the same image and lock."""
    root = _image_component(image)
    version = python_version(image)
    interpreter = Component(
        name="python",
        version=version,
        type=ComponentType.APPLICATION,
        purl=PackageURL("generic", name="python", version=version),
        bom_ref=f"pkg:generic/python@{version}",
    )
    own = {
        one.name: _distribution_component(one, sources.get(one.name))
        for one in distributions(image)
    }
    place = system(image)
    debian = [_debian_component(package, place) for package in debian_packages(image)]
    components = [interpreter, *own.values(), *debian]
    names = "\n".join(sorted(str(component.bom_ref) for component in components))
    made = Bom(
        components=components,
        serial_number=uuid.uuid5(_NAMESPACE, f"{image.manifest.digest}\n{names}"),
        metadata=BomMetaData(component=root, timestamp=created),
    )
    needed = {name for source in sources.values() for name in source.locked.requires}
    made.register_dependency(
        root, [interpreter, *(own[name] for name in own if name not in needed), *debian]
    )
    for name, source in sources.items():
        made.register_dependency(own[name], [own[other] for other in source.locked.requires])
    text = JsonV1Dot6(made).output_as_string(indent=1)
    error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if error is not None:
        raise AttestError(f"the bill of materials is no valid CycloneDX 1.6: {error}")
    return f"{text}\n".encode()


def _image_component(image: ImageView) -> Component:
    digest = image.manifest.digest
    labels = image.settings.get("Labels") or {}
    name = image.manifest.names[0].partition(":")[0] if image.manifest.names else "image"
    return Component(
        name=labels.get(_TITLE, name),
        version=labels.get(_VERSION),
        type=ComponentType.CONTAINER,
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest.removeprefix("sha256:"))],
        purl=PackageURL("oci", name=name.rpartition("/")[2].lower(), version=digest),
        bom_ref=digest,
        properties=[Property(name="oci:platform", value=image.platform)],
    )


def _distribution_component(distribution: Distribution, source: Source | None) -> Component:
    purl = PackageURL("pypi", name=distribution.name, version=distribution.version)
    # One of the base is in no lock.
    origin = "base" if source is None else source.locked.origin
    found: list[Property] = [Property(name="qingkong:origin", value=origin)]
    if source is not None:
        found.append(Property(name="qingkong:artifact", value=source.artifact.name))
    return Component(
        name=distribution.name,
        version=distribution.version,
        purl=purl,
        bom_ref=str(purl),
        licenses=[LicenseFactory().make_from_string(distribution.license)]
        if distribution.license
        else [],
        hashes=_hashes(source),
        properties=found,
        evidence=ComponentEvidence(occurrences=[Occurrence(location=f"/{distribution.directory}")]),
    )


def _hashes(source: Source | None) -> Iterable[HashType]:
    if source is not None:
        yield HashType(alg=HashAlgorithm.SHA_256, content=source.artifact.sha256)


def _debian_component(package: DebianPackage, place: System) -> Component:
    distro = f"{place.id}-{place.version}" if place.version else place.id
    purl = PackageURL(
        "deb",
        namespace=place.id or "debian",
        name=package.name,
        version=package.version,
        qualifiers={"arch": package.architecture, "distro": distro},
    )
    return Component(
        name=package.name,
        version=package.version,
        purl=purl,
        bom_ref=str(purl),
        properties=[Property(name="qingkong:origin", value="base")],
    )
