"""Where an installed package with native code comes from, without importing it.

A wheel that the project builds itself carries ``native_wheel.json`` in its ``.dist-info`` folder:
the flags it was built with and the hash of its source. A wheel from an index has no such file.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import PurePosixPath
from typing import Any

PROVENANCE_FILE = "native_wheel.json"
PROVENANCE_SCHEMA = 1


@dataclass(frozen=True, slots=True)
class NativePackage:
    """An installed, or missing, package with native code.

    Attributes:
        name: name of the distribution.
        version: its version; None when it is not installed.
        provenance: contents of ``native_wheel.json``; None when there is none.
        problem: why the provenance cannot be believed; None when it can.
    """

    name: str
    version: str | None = None
    provenance: dict[str, Any] | None = None
    problem: str | None = None

    @property
    def optimised(self) -> bool:
        """Whether it is a build of ours, and its provenance says with which flags."""
        return self.provenance is not None and self.problem is None

    def describe(self) -> str:
        """One line, such as "asyncmy 0.2.18 (optimised: -Os -flto | -flto -s)".

        Patches follow by name: "(...; patches: decode-rows-in-place)".
        """
        if self.version is None:
            return f"{self.name} not installed"
        head = f"{self.name} {self.version}"
        if self.problem is not None:
            return f"{head} (unknown build: {self.problem})"
        if self.provenance is None:
            return f"{head} (index wheel, not optimised)"
        flags = f"{self.flags('compile_args')} | {self.flags('link_args')}"
        patches = f"; patches: {', '.join(self.patches)}" if self.patches else ""
        return f"{head} (optimised: {flags}{patches})"

    @property
    def patches(self) -> list[str]:
        """The names of the patches, without their folder."""
        recorded = (self.provenance or {}).get("patches", [])
        return [PurePosixPath(patch["name"]).stem for patch in recorded]

    def flags(self, key: str) -> str:
        """The flags under ``compile_args`` or ``link_args``, separated by spaces."""
        return " ".join(map(str, (self.provenance or {}).get(key, [])))

    def as_json(self) -> dict[str, Any]:
        """For ``about --json``."""
        return {
            "name": self.name,
            "version": self.version,
            "installed": self.version is not None,
            "optimised": self.optimised,
            "provenance": self.provenance,
            "problem": self.problem,
        }


def read_native_package(name: str) -> NativePackage:
    """Look an installed distribution up."""
    try:
        found = distribution(name)
    except PackageNotFoundError:
        return NativePackage(name)
    return _read(name, found)


def _read(name: str, found: Distribution) -> NativePackage:
    text = found.read_text(PROVENANCE_FILE)
    if text is None:
        return NativePackage(name, found.version)
    try:
        provenance = json.loads(text)
    except ValueError:
        return NativePackage(name, found.version, None, f"{PROVENANCE_FILE} is no JSON")
    problem = _problem(provenance, name, found.version)
    return NativePackage(
        name, found.version, provenance if isinstance(provenance, dict) else None, problem
    )


def _problem(provenance: object, name: str, version: str) -> str | None:
    if not isinstance(provenance, dict):
        return f"{PROVENANCE_FILE} is no object"
    # A build with a patch is installed as 1.2+local; the record names the source's version.
    source = version.partition("+")[0]
    expected = {"schema": PROVENANCE_SCHEMA, "project": name, "version": source}
    for key, value in expected.items():
        if provenance.get(key) != value:
            return f"{PROVENANCE_FILE}: {key} is {provenance.get(key)!r}, expected {value!r}"
    for key in ("compile_args", "link_args"):
        flags = provenance.get(key)
        if not isinstance(flags, list) or not all(isinstance(flag, str) for flag in flags):
            return f"{PROVENANCE_FILE}: {key} is no list of strings"
    patches = provenance.get("patches", [])
    if not isinstance(patches, list) or not all(
        isinstance(patch, dict) and isinstance(patch.get("name"), str) for patch in patches
    ):
        return f"{PROVENANCE_FILE}: patches is no list of names"
    return None
