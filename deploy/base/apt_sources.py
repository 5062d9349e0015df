"""Print where this machine's apt takes Debian packages from, one suite per line.

Both forms of apt sources are read: one-line `*.list` files and deb822 `*.sources` files.
The output is made for another release than the machine's own where asked for: a machine that
runs trixie and has entries for `trixie` and `trixie-security` answers for `bookworm` with the
same mirrors.

Each line of the output is `URI SUITE COMPONENT[,COMPONENT...] KEYRING`, KEYRING being `-` where
the source names none.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ONE_LINE = re.compile(r"^deb\s+(?:\[(?P<options>[^\]]*)\]\s+)?(?P<uri>\S+)\s+(?P<rest>\S.*)$")
MIRROR_FILE = re.compile(r"^mirror\+file:/*(?P<path>/.*)$")


@dataclass(frozen=True)
class Source:
    """One suite of one mirror."""

    uri: str
    suite: str
    components: tuple[str, ...]
    keyring: str


def first_mirror(uri: str) -> str:
    """The first address of a `mirror+file:` list; any other address as it is."""
    match = MIRROR_FILE.match(uri)
    if match is None:
        return uri
    for line in Path(match["path"]).read_text(encoding="utf-8").splitlines():
        fields = line.split("#", 1)[0].split()
        if fields:
            return fields[0]
    return uri


def keyring_of(value: str) -> str:
    """The keyring file in a Signed-By value; `-` for a fingerprint or a key in the text."""
    for word in value.replace(",", " ").split():
        if word.startswith("/"):
            return word
    return "-"


def read_one_line(text: str) -> Iterator[Source]:
    for raw in text.splitlines():
        match = ONE_LINE.match(raw.split("#", 1)[0].strip())
        if match is None:
            continue
        options = dict(
            option.split("=", 1) for option in (match["options"] or "").split() if "=" in option
        )
        suite, *components = match["rest"].split()
        yield Source(
            first_mirror(match["uri"]),
            suite,
            tuple(components),
            keyring_of(options.get("signed-by", "")),
        )


def read_deb822(text: str) -> Iterator[Source]:
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    for stanza in re.split(r"\n\s*\n", "\n".join(lines)):
        fields: dict[str, str] = {}
        name = ""
        for line in stanza.splitlines():
            if line[:1].isspace():
                fields[name] = f"{fields.get(name, '')} {line.strip()}"
            elif ":" in line:
                name, value = line.split(":", 1)
                name = name.strip().lower()
                fields[name] = value.strip()
        if "deb" not in fields.get("types", "").split():
            continue
        if fields.get("enabled", "yes").lower() in {"no", "false", "0", "off"}:
            continue
        for uri in fields.get("uris", "").split():
            for suite in fields.get("suites", "").split():
                yield Source(
                    first_mirror(uri),
                    suite,
                    tuple(fields.get("components", "").split()),
                    keyring_of(fields.get("signed-by", "")),
                )


def read_sources(etc_apt: Path) -> list[Source]:
    """Every enabled binary source under an `/etc/apt` directory."""
    found: list[Source] = []
    parts = etc_apt / "sources.list.d"
    for path in [etc_apt / "sources.list", *sorted(parts.glob("*.list"))]:
        if path.is_file():
            found += read_one_line(path.read_text(encoding="utf-8"))
    for path in sorted(parts.glob("*.sources")):
        found += read_deb822(path.read_text(encoding="utf-8"))
    return found


def for_suite(sources: Sequence[Source], machine: str, wanted: str) -> list[Source]:
    """The sources of release `machine`, renamed to release `wanted`, the release first.

    Only the release itself and its updates and security suites are taken: backports and
    third-party repositories do not belong in a base image.
    """
    suffixes = ("", "-updates", "-security")
    chosen: dict[str, Source] = {}
    for release in (wanted, machine):
        for source in sources:
            for suffix in suffixes:
                if source.suite == release + suffix and "main" in source.components:
                    renamed = Source(source.uri, wanted + suffix, ("main",), source.keyring)
                    chosen.setdefault(suffix, renamed)
    return [chosen[suffix] for suffix in suffixes if suffix in chosen]


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--etc-apt", type=Path, default=Path("/etc/apt"))
    parser.add_argument("--machine", required=True, help="code name of the machine's release")
    parser.add_argument("--suite", required=True, help="code name of the wanted release")
    options = parser.parse_args(argv)
    chosen = for_suite(read_sources(options.etc_apt), options.machine, options.suite)
    for source in chosen:
        print(source.uri, source.suite, ",".join(source.components), source.keyring)
    return 0 if chosen and chosen[0].suite == options.suite else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
