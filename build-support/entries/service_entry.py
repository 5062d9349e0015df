"""What the fleet has to know of a service: the fields of its target, checked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

_NAME = re.compile(r"[a-z0-9]+(?:[_-][a-z0-9]+)*")
_PREFIX = re.compile(r"[A-Za-z0-9_~.-]+(?:/[A-Za-z0-9_~.-]+)*")
_SETTING = re.compile(r"QK_[A-Z][A-Za-z0-9_]*")
_CPU = re.compile(r"[1-9][0-9]*m")
_MEMORY = re.compile(r"([1-9][0-9]*)Mi")
_PATTERNS = {
    "prefixes": (_PREFIX, 'parts of a URL without slashes at the ends, e.g. ["shop"]'),
    "settings": (_SETTING, 'variables of settings, e.g. ["QK_PAYMENT_URL"]'),
}


class EntryError(Exception):
    """A field that no entry can be made of, or an entry that cannot be written."""


@dataclass(frozen=True)
class ServiceEntry:
    """The fields of a `fastapp_service` that its entries are made of.

    Attributes:
        folder: of its BUILD file.
        name: of the service, its image, its database and the database's user.
        version: tag of the image.
        command: what its containers run.
        prefixes: of the URLs of its apps.
        port: on which it listens.
        settings: variables that whoever runs it has to set.
        replicas: least and most pods.
        cpu: that a pod asks for, as Kubernetes writes it.
        mebibytes: of memory that a container may have.
    """

    folder: str
    name: str
    version: str
    command: tuple[str, ...]
    prefixes: tuple[str, ...]
    port: int
    settings: tuple[str, ...]
    replicas: tuple[int, int]
    cpu: str
    mebibytes: int

    @classmethod
    def of(cls, fields: dict[str, Any]) -> ServiceEntry:
        """Check the fields of a target.

        Raises:
            EntryError: the first that is wrong.
        """
        folder = str(fields["folder"])

        def refuse(field: str, expected: str) -> EntryError:
            return EntryError(
                f"fastapp_service in {folder}: {field}={fields[field]!r}: expected {expected}. "
                f"Fix: change {field} in {folder}/BUILD."
            )

        if not _NAME.fullmatch(fields["name"]):
            raise refuse("name", "lower-case letters and digits with single '-' or '_' between")
        for field, (pattern, expected) in _PATTERNS.items():
            if not all(isinstance(text, str) and pattern.fullmatch(text) for text in fields[field]):
                raise refuse(field, expected)
        port = fields["port"]
        if type(port) is not int or not 0 < port < 65536:
            raise refuse("port", "a number from 1 to 65535")
        replicas = tuple(fields["replicas"])
        if (
            len(replicas) != 2
            or not all(type(count) is int for count in replicas)
            or not 1 <= replicas[0] <= replicas[1]
        ):
            raise refuse("replicas", "the least and the most, e.g. (2, 10)")
        if not _CPU.fullmatch(str(fields["cpu"])):
            raise refuse("cpu", 'thousandths of a processor, e.g. "250m"')
        memory = _MEMORY.fullmatch(str(fields["memory"]))
        if memory is None:
            raise refuse("memory", 'mebibytes, e.g. "512Mi"')
        return cls(
            folder,
            fields["name"],
            fields["version"],
            tuple(fields["cmd"]),
            tuple(fields["prefixes"]),
            port,
            tuple(fields["settings"]),
            (replicas[0], replicas[1]),
            fields["cpu"],
            int(memory[1]),
        )

    @property
    def header(self) -> str:
        """The first line of each file."""
        return (
            f"# Generated from {self.folder}/BUILD; do not edit. "
            f"`./pants run {self.folder}:fleet` writes it.\n"
        )
