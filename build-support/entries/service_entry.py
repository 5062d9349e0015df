"""What the fleet has to know of a service: the fields of its target, checked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

_NAME = re.compile(r"[a-z0-9]+(?:[_-][a-z0-9]+)*")
# As engines and registries read a tag.
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
# What a process may be started with, and UTF-8 can say.
_WORD = re.compile(r"[^\0\ud800-\udfff]*")
_PREFIX = re.compile(r"[A-Za-z0-9_~.-]+(?:/[A-Za-z0-9_~.-]+)*")
_SETTING = re.compile(r"QK_[A-Z][A-Za-z0-9_]*")
_CPU = re.compile(r"[1-9][0-9]*m")
_MEMORY = re.compile(r"[1-9][0-9]*Mi")
_TEXTS = {
    "name": (_NAME, "lower-case letters and digits with single '-' or '_' between"),
    "version": (_TAG, 'the tag of an image, e.g. "1.2.3"'),
    "cpu": (_CPU, 'thousandths of a processor, e.g. "250m"'),
    "memory": (_MEMORY, 'mebibytes, e.g. "512Mi"'),
}
_LISTS = {
    "cmd": (_WORD, 'words, e.g. ["python", "manage.py", "runserver-aio"]'),
    "prefixes": (_PREFIX, 'parts of a URL without slashes at the ends, e.g. ["shop"]'),
    "settings": (_SETTING, 'variables of settings, e.g. ["QK_PAYMENT_URL"]'),
}


def _matches(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _range(value: object) -> tuple[int, int] | None:
    """The least and the most; None where it says no two numbers of pods in their order."""
    if isinstance(value, (list, tuple)) and [type(count) for count in value] == [int, int]:
        least, most = value
        if 1 <= least <= most:
            return least, most
    return None


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

        for field, (pattern, expected) in _TEXTS.items():
            if not _matches(pattern, fields[field]):
                raise refuse(field, expected)
        for field, (pattern, expected) in _LISTS.items():
            if not all(_matches(pattern, text) for text in fields[field]):
                raise refuse(field, expected)
            if len(set(fields[field])) < len(fields[field]) and field != "cmd":
                raise refuse(field, "each of them once")
        port = fields["port"]
        if type(port) is not int or not 0 < port < 65536:
            raise refuse("port", "a number from 1 to 65535")
        replicas = _range(fields["replicas"])
        if replicas is None:
            raise refuse("replicas", "the least and the most, e.g. (2, 10)")
        return cls(
            folder,
            fields["name"],
            fields["version"],
            tuple(fields["cmd"]),
            tuple(fields["prefixes"]),
            port,
            tuple(fields["settings"]),
            replicas,
            fields["cpu"],
            int(fields["memory"].removesuffix("Mi")),
        )

    @property
    def header(self) -> str:
        """The first line of each file."""
        return (
            f"# Generated from {self.folder}/BUILD; do not edit. "
            f"`./pants run {self.folder}:fleet` writes it.\n"
        )
