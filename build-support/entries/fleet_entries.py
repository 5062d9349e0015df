"""Write the entries of a service for Docker Compose and Kubernetes, or check them.

    ./pants run services/NAME:fleet [-- --check]

The target gives its fields as the first argument. With --check nothing is written, and the exit
code is 1 when a committed file differs. Standard library only: JSON is YAML.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template

from entries.kubernetes import KUSTOMIZATION, SERVICE
from entries.service_entry import EntryError, ServiceEntry

_COMPOSE = Template("""\
${header}# Taken up by ../compose.yaml, which has what all services share.
services:
  service:
    image: $${SERVICE_IMAGE:-$image}
    command: $command
    environment:
      QK_DATABASES__default__NAME: $name
      QK_DATABASES__default__USER: $name
$settings    deploy:
      resources:
        limits: { memory: ${mebibytes}M }

  gateway:
    environment:
      QK_UPSTREAMS: '$upstreams'
""")
_COMPOSE_SETTING = """\
      {name}: ${{{name}:?{folder}/BUILD requires it. Fix - set {name} in deploy/compose/.env}}
"""
_KUBERNETES_SETTING = """\
            - name: {name}
              valueFrom: {{ configMapKeyRef: {{ name: service-settings, key: {name} }} }}
"""


def _upstreams(entry: ServiceEntry, hosts: Sequence[str]) -> str:
    urls = [f"http://{host}:{entry.port}" for host in hosts]
    return json.dumps(dict.fromkeys(entry.prefixes, urls))


def _command(entry: ServiceEntry) -> str:
    return json.dumps(entry.command, ensure_ascii=False)


def compose_file(entry: ServiceEntry) -> str:
    """The entry for Docker Compose."""
    settings = (_COMPOSE_SETTING.format(name=x, folder=entry.folder) for x in entry.settings)
    return _COMPOSE.substitute(
        header=entry.header,
        name=json.dumps(entry.name),
        image=f"{entry.name}:{entry.version}",
        # Compose puts variables in place of what begins with one.
        command=_command(entry).replace("$", "$$"),
        settings="".join(settings),
        mebibytes=entry.mebibytes,
        upstreams=_upstreams(entry, ("service-1", "service-2")),
    )


def kubernetes_files(entry: ServiceEntry) -> dict[str, str]:
    """The entry for Kubernetes, a base of overlays, by file."""
    settings = "".join(_KUBERNETES_SETTING.format(name=name) for name in entry.settings)
    values: Mapping[str, object] = {
        "header": entry.header,
        "name": entry.name,
        "image": json.dumps(f"{entry.name}:{entry.version}"),
        "command": _command(entry),
        "env": f"          env:\n{settings}" if settings else "",
        "port": entry.port,
        "least": entry.replicas[0],
        "most": entry.replicas[1],
        "cpu": entry.cpu,
        "request": (entry.mebibytes + 1) // 2,
        "limit": entry.mebibytes,
        "upstreams": _upstreams(entry, ("service",)),
    }
    return {
        "kustomization.yaml": Template(KUSTOMIZATION).substitute(values),
        "service.yaml": Template(SERVICE).substitute(values),
    }


def entry_files(entry: ServiceEntry) -> dict[str, str]:
    """All files of a service by their paths in the repository."""
    folder = f"deploy/kubernetes/services/{entry.name}"
    return {
        f"deploy/compose/services/{entry.name}.yaml": compose_file(entry),
        **{f"{folder}/{name}": text for name, text in kubernetes_files(entry).items()},
    }


def _committed(root: Path, path: str, entry: ServiceEntry) -> bytes | None:
    """What the repository has of a file; None where it has none."""
    try:
        return (root / path).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as exc:
        raise EntryError(
            f"fastapp_service in {entry.folder}: cannot read {path}: {exc.strerror}. "
            "Fix: make it a file that you may read, or remove it."
        ) from None


def differences(root: Path, entry: ServiceEntry) -> list[str]:
    """One line for each committed file that is not, byte for byte, what the target says.

    Raises:
        EntryError: one cannot be read.
    """
    found = []
    for path, text in entry_files(entry).items():
        committed = _committed(root, path, entry)
        if committed == text.encode():
            continue
        problem = "is missing" if committed is None else "differs"
        found.append(
            f"{path}: {problem}: fastapp_service {entry.name!r} in {entry.folder} makes another. "
            f"Fix: ./pants run {entry.folder}:fleet"
        )
    return found


def write(root: Path, entry: ServiceEntry) -> None:
    """Write the files of a service, each as a whole, and none where one cannot be written.

    Raises:
        EntryError: another service's files have these names, or one cannot be written.
    """
    files = entry_files(entry)
    header = entry.header.rstrip("\n").encode()
    for path in files:
        committed = _committed(root, path, entry)
        # Its line may end as those of another system do.
        if committed is not None and committed.splitlines()[:1] != [header]:
            raise EntryError(
                f"fastapp_service in {entry.folder}: name={entry.name!r}: {path} is not generated "
                f"from {entry.folder}. Fix: choose another name, or remove the file."
            )
    complete: dict[str, Path] = {}
    try:
        for path, text in files.items():
            file = root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            # Of one name: what a kill has left is written again.
            complete[path] = file.with_name(f".{file.name}.new")
            complete[path].write_bytes(text.encode())
        for path, new in complete.items():
            new.replace(root / path)
            print(f"Wrote {path}")
    except (NotADirectoryError, FileExistsError) as exc:
        raise EntryError(
            f"fastapp_service in {entry.folder}: cannot write {path}: {exc.strerror}. "
            "Fix: remove the file that has the name of one of its folders."
        ) from None
    except OSError as exc:
        raise EntryError(
            f"fastapp_service in {entry.folder}: cannot write {path}: {exc.strerror}. "
            "Fix: make its folder writable, on a disk with room for it."
        ) from None
    finally:
        for new in complete.values():
            with contextlib.suppress(OSError):
                new.unlink()


def read_entry(argument: str) -> ServiceEntry:
    """The service that the target's argument describes.

    Raises:
        EntryError: a field of it is wrong.
    """
    try:
        fields = ast.literal_eval(argument)
    except (SyntaxError, ValueError):
        raise EntryError(
            f"fastapp_service: fields={argument}: not all are texts, numbers and lists of them. "
            "Fix: write plain values in its BUILD file."
        ) from None
    return ServiceEntry.of(fields)


def main(argv: Sequence[str], root: Path) -> int:
    """The program; `root` is the repository."""
    parser = argparse.ArgumentParser(prog="fleet", description=__doc__)
    parser.add_argument("fields", help=argparse.SUPPRESS)
    parser.add_argument("--check", action="store_true", help="write nothing; name what differs")
    args = parser.parse_args(argv)
    try:
        entry = read_entry(args.fields)
        if not args.check:
            write(root, entry)
            return 0
        found = differences(root, entry)
    except EntryError as exc:
        print(f"Error: {exc}", file=sys.stderr)
        return 1
    print("".join(f"{line}\n" for line in found), end="", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], Path.cwd()))
