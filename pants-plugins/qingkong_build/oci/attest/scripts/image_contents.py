"""What an image holds, read from its files: distributions, Debian packages, the interpreter."""

from __future__ import annotations

import base64
import csv
import hashlib
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesHeaderParser

from attest_error import AttestError
from image_view import Entry, ImageView
from packaging.tags import Tag, parse_tag
from packaging.utils import canonicalize_name

_STATUS = "var/lib/dpkg/status"
_DPKG_INFO = "var/lib/dpkg/info"
# A license's whole text is no name of one.
_LONGEST_LICENSE = 80


@dataclass(frozen=True)
class Distribution:
    """An installed distribution.

    Attributes:
        name: normalised.
        version: as its metadata say.
        license: SPDX expression or name; "" where its metadata say none.
        tags: of the wheel that it was installed from.
        directory: its `.dist-info`.
        added: whether one of our layers brings it, and not the base.
    """

    name: str
    version: str
    license: str
    tags: frozenset[Tag]
    directory: str
    added: bool


@dataclass(frozen=True)
class DebianPackage:
    name: str
    version: str
    architecture: str


@dataclass(frozen=True)
class System:
    """`/etc/os-release`: `debian`, `12`; empty texts where nothing says it."""

    id: str
    version: str


def distributions(image: ImageView) -> list[Distribution]:
    """Every distribution that a `.dist-info` in the image is of, by name."""
    found = []
    for path, entry in image.files.items():
        if not re.fullmatch(r".+/[^/]+\.dist-info/METADATA", path):
            continue
        directory = posixpath.dirname(path)
        metadata = _headers(entry.read())
        name, version = metadata.get("Name"), metadata.get("Version")
        if not name or not version:
            raise AttestError(f"/{path} names no distribution or no version. Build it again.")
        wheel = image.files.get(f"{directory}/WHEEL")
        texts = _headers(wheel.read()).get_all("Tag", []) if wheel else []
        found.append(
            Distribution(
                canonicalize_name(name),
                version,
                _license(metadata),
                frozenset(tag for text in texts for tag in parse_tag(text)),
                directory,
                image.layers[entry.layer].added,
            )
        )
    return sorted(found, key=lambda one: (one.name, one.directory))


def changed_files(image: ImageView, distribution: Distribution) -> Iterator[str]:
    """Files of a distribution whose content is not what its RECORD says.

    A file that is not there was left out by a rule of the layer.
    """
    record = image.files.get(f"{distribution.directory}/RECORD")
    if record is None:
        return
    root = posixpath.dirname(distribution.directory)
    for row in csv.reader(record.read().decode().splitlines()):
        path, digest = row[0], row[1] if len(row) > 1 else ""
        entry = image.resolve(posixpath.join(root, path))
        if entry is None or not digest.startswith("sha256="):
            continue
        actual = base64.urlsafe_b64encode(hashlib.sha256(entry.read()).digest()).decode()
        if actual.rstrip("=") != digest.removeprefix("sha256=").rstrip("="):
            yield entry.path


def debian_packages(image: ImageView) -> list[DebianPackage]:
    """The installed packages, by name; none in an image that has no dpkg."""
    entry = image.resolve(_STATUS)
    if entry is None:
        return []
    found = []
    for paragraph in entry.read().split(b"\n\n"):
        fields = _headers(paragraph)
        if fields.get("Status", "").split()[-1:] == ["installed"]:
            found.append(
                DebianPackage(fields["Package"], fields["Version"], fields["Architecture"])
            )
    found.sort(key=lambda one: (one.name, one.architecture))
    _check_dpkg(image, found)
    return found


def _check_dpkg(image: ImageView, packages: list[DebianPackage]) -> None:
    """What dpkg's status says is installed is what it has lists of files of."""
    said = {package.name for package in packages}
    listed = {
        posixpath.basename(entry.path).removesuffix(".list").partition(":")[0]
        for entry in image.below(_DPKG_INFO)
        if entry.path.endswith(".list")
    }
    if said != listed:
        raise AttestError(
            f"/{_STATUS} and the lists in /{_DPKG_INFO} differ: installed without a list "
            f"{sorted(said - listed)}, a list without being installed {sorted(listed - said)}. "
            "Use a base that is whole."
        )


def system(image: ImageView) -> System:
    entry: Entry | None = image.resolve("etc/os-release")
    lines = entry.read().decode().splitlines() if entry else []
    fields = {key: value.strip("\"'") for key, _, value in (line.partition("=") for line in lines)}
    return System(fields.get("ID", ""), fields.get("VERSION_ID", ""))


def python_version(image: ImageView) -> str:
    """The full version of the image's interpreter, as the base's makers say it."""
    version = image.environment.get("PYTHON_VERSION", "")
    if not re.fullmatch(r"\d+\.\d+\.\d+\w*", version):
        raise AttestError(
            f"'Env' of the image has PYTHON_VERSION = {version!r}; bases of Python set it to a "
            "version such as '3.12.1'. Set it in the base."
        )
    return version


def _headers(content: bytes) -> Message:
    return BytesHeaderParser().parsebytes(content.lstrip(b"\n"))


def _license(metadata: Message) -> str:
    expression = metadata.get("License-Expression", "").strip()
    text = metadata.get("License", "").strip()
    if expression or (text and "\n" not in text and len(text) <= _LONGEST_LICENSE):
        return str(expression or text)
    classifiers = [
        classifier.rpartition(" :: ")[2]
        for classifier in metadata.get_all("Classifier", [])
        if classifier.startswith("License :: ") and classifier.count(" :: ") > 1
    ]
    return " AND ".join(classifiers)
