"""Who the container is, and what that account may do to the files."""

from __future__ import annotations

import re
from collections.abc import Iterator

from image_view import Entry
from policy_rule import Finding, Subject, rule

_SETUID, _SETGID, _STICKY = 0o4000, 0o2000, 0o1000
_WRITE_BY_OTHERS, _WRITE_BY_GROUP = 0o002, 0o020
_READ, _ENTER = 0o4, 0o1
_CAPABILITY = "SCHILY.xattr.security.capability"


@rule(
    "QK-IMG-001",
    title="The user is a number, and not root",
    reason="A break-out from a container of root's is root on the host. Kubernetes can prove "
    "`runAsNonRoot` of a number only: what a name stands for is said by a file of the image.",
    stands_for=("CIS Docker 4.1", "Dockle CIS-DI-0001", "hadolint DL3002"),
)
def numeric_user(subject: Subject) -> Iterator[Finding]:
    user = str(subject.image.settings.get("User") or "")
    if not re.fullmatch(r"[1-9]\d*:[1-9]\d*", user):
        yield Finding(
            f"'User' is {user!r}: write numbers that are not 0, the user's and the group's, e.g. "
            "'10001:10001'."
        )


@rule(
    "QK-IMG-002",
    title="What we add belongs to root and can be read but not changed by the user",
    reason="A fault that lets a request write files must not let it change the program. Only "
    "volumes hold data.",
    stands_for=("CIS Docker, section 5: the root file system is mounted read-only",),
)
def read_only_program(subject: Subject) -> Iterator[Finding]:
    for entry in subject.image.added:
        if subject.in_volume(entry.path) or entry.kind in {"symlink", "hardlink"}:
            continue
        if entry.info.uid != 0:
            yield Finding(
                f"belongs to {entry.info.uid}:{entry.info.gid}. Let it belong to root, or declare "
                "the directory as a volume.",
                entry.path,
            )
        if entry.mode & _WRITE_BY_GROUP:
            yield Finding(f"its group may write it (mode {entry.mode:04o}).", entry.path)
        needed = _READ | (_ENTER if entry.kind == "directory" else 0)
        if _rights(subject, entry) & needed != needed:
            yield Finding(
                f"the container's user cannot read it (mode {entry.mode:04o}, "
                f"{entry.info.uid}:{entry.info.gid}).",
                entry.path,
            )


def _rights(subject: Subject, entry: Entry) -> int:
    """What the image's user may do with a file: the owner's three bits, the group's, or others'."""
    user, _, group = str(subject.image.settings.get("User") or "0").partition(":")
    if user in {"0", "root"}:
        return 0o7
    # The kernel takes the first that fits, even where a later one would allow more.
    if user == str(entry.info.uid):
        return entry.mode >> 6 & 0o7
    if group == str(entry.info.gid):
        return entry.mode >> 3 & 0o7
    return entry.mode & 0o7


@rule(
    "QK-IMG-003",
    title="We add no file with the rights of its owner",
    reason="A setuid or setgid program, or one with capabilities of its own, is a way from the "
    "container's user to root, where `no-new-privileges` is not set.",
    stands_for=("CIS Docker 4.8", "Dockle CIS-DI-0008"),
)
def no_setuid(subject: Subject) -> Iterator[Finding]:
    for entry in subject.image.added:
        found = [
            name
            for name, there in (
                ("setuid", entry.mode & _SETUID),
                ("setgid", entry.mode & _SETGID),
                ("file capabilities", _CAPABILITY in entry.info.pax_headers),
            )
            if there
        ]
        if found:
            yield Finding(
                f"has {' and '.join(found)} (mode {entry.mode:04o}). Take them away, or leave the "
                "file out.",
                entry.path,
            )


@rule(
    "QK-IMG-004",
    title="No one but its owner may write a file, and shared directories are sticky",
    reason="What everybody may write, any process in the container may replace for all others. "
    "The whole image is looked at, its base too.",
    stands_for=("CIS Distribution Independent Linux 6.1.10 and 1.1.22",),
)
def not_world_writable(subject: Subject) -> Iterator[Finding]:
    for entry in subject.image.files.values():
        if entry.kind == "symlink" or not entry.mode & _WRITE_BY_OTHERS:
            continue
        if entry.kind == "directory" and entry.mode & _STICKY:
            continue
        yield Finding(
            f"everybody may write this {entry.kind} (mode {entry.mode:04o}). Take the right away"
            + (", or set the sticky bit." if entry.kind == "directory" else "."),
            entry.path,
        )


@rule(
    "QK-IMG-018",
    title="Each volume is there and belongs to the image's user",
    reason="With a read-only root, volumes are the only places to write. A new volume gets the "
    "rights of the directory in the image: where there is none, it is root's, and writing fails.",
    stands_for=("CIS Docker, section 5: the root file system is mounted read-only",),
)
def volumes_of_the_user(subject: Subject) -> Iterator[Finding]:
    user = str(subject.image.settings.get("User") or "")
    for volume in subject.volumes:
        entry = subject.image.resolve(volume)
        if entry is None or entry.kind != "directory":
            yield Finding("is a volume, but no directory of the image. Add one.", volume)
        elif f"{entry.info.uid}:{entry.info.gid}" != user:
            yield Finding(
                f"is a volume of {entry.info.uid}:{entry.info.gid}, but the user is {user!r}.",
                volume,
            )


RULES = (numeric_user, read_only_program, no_setuid, not_world_writable, volumes_of_the_user)
