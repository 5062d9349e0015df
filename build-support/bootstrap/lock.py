"""Write the hash-locked requirement lists of the launcher from the `*.in` files beside this one.

    python3.9 build-support/bootstrap/lock.py [--check]

Run it with CPython 3.9 (what Pants runs on) after editing a `.in` file, and commit the result:
for each `NAME.in` it writes `NAME.requirements.txt`, every transitive requirement pinned, with
the sha256 of each file that one of the supported platforms may install. A requirement keeps the
version that its list has now while that still fits; `--upgrade` takes the newest instead.
`--check` writes nothing and exits 1 where a list is out of date.

The index, proxy and certificates are those of this machine's pip settings. No address gets into
the lists: a hash is all that is needed to trust a file, wherever it comes from.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent

# Wheels that CPython 3.9 may install, the more exact ones first, and the platforms that Pants 2.17
# runs on. (pex has two pure wheels, and the one that says `py3` is meant for 3.12: the exact one
# has to be the only one.)
PYTHON_TAGS = ({"cp39", "py39"}, {"py3"}, {"cp3" + str(minor) for minor in range(2, 9)})
ABI_TAGS = {"none", "cp39", "abi3"}
PLATFORM_TAGS = {
    "linux_x86_64": r"any|manylinux\w*_x86_64",
    "linux_arm64": r"any|manylinux\w*_aarch64",
    "macos_x86_64": r"any|macosx_\w*_(?:x86_64|universal2)",
    "macos_arm64": r"any|macosx_\w*_(?:arm64|universal2)",
}

# Runs under the pinned pip, whose own classes read the index: they know the machine's settings,
# its credentials and both kinds of index page. Prints {requirement name: {file name: sha256}}.
LIST_FILES = """
import json, sys
from pip._internal.commands.install import InstallCommand
from pip._internal.index.collector import LinkCollector, parse_links
from pip._internal.models.link import Link
from pip._vendor.packaging.utils import canonicalize_name

command = InstallCommand("install", "")
options, _ = command.parse_args([])
found = {}
with command._build_session(options) as session:
    collector = LinkCollector.create(session, options=options)
    for name in sys.argv[1:]:
        page = collector.fetch_response(
            Link(options.index_url.rstrip("/") + "/" + canonicalize_name(name) + "/")
        )
        links = parse_links(page) if page else ()
        found[name] = {x.filename: x.hash for x in links if x.hash_name == "sha256"}
json.dump(found, sys.stdout)
"""


def run(*command: str) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def resolve(python: str, source: Path, current: Path) -> dict[str, str]:
    """The full closure of `source`, `{name: version}`, as pip would install it here."""
    command = [python, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed"]
    command += ["--report", "-", "-r", str(source)]
    with tempfile.TemporaryDirectory() as scratch:
        if current.exists():
            pins = Path(scratch, "pins.txt")
            current_pins = re.findall(r"^\S+==\S+", current.read_text(), re.M)
            pins.write_text("".join(f"{pin}\n" for pin in current_pins))
            command += ["-c", str(pins)]
        report = json.loads(run(*command))
    found = [item["metadata"] for item in report["install"]]
    return {re.sub(r"[-_.]+", "-", m["name"]).lower(): m["version"] for m in found}


def suitable(wheels: dict[str, str], platform_tag: str) -> list[str]:
    """The hashes of the most exact wheels for CPython 3.9 on one platform."""
    for python_tags in PYTHON_TAGS:
        found = []
        for file, sha256 in wheels.items():
            python, abi, platform = file[: -len(".whl")].rsplit("-", 3)[1:]
            if (
                python_tags.intersection(python.split("."))
                and ABI_TAGS.intersection(abi.split("."))
                and any(re.fullmatch(platform_tag, tag) for tag in platform.split("."))
            ):
                found.append(sha256)
        if found:
            return found
    return []


def hashes(name: str, version: str, files: dict[str, str], wheels_only: bool) -> list[str]:
    """The hashes of the files that a supported platform may install."""
    stem = re.sub(r"[-_.]+", "[-_.]+", name) + "-" + re.escape(version)
    wheels = {f: h for f, h in files.items() if re.match(rf"{stem}-.*\.whl$", f, re.I)}
    sdists = [h for f, h in files.items() if re.match(rf"{stem}\.(?:tar\.gz|zip)$", f, re.I)]
    chosen: set[str] = set()
    for platform, tag in PLATFORM_TAGS.items():
        found = suitable(wheels, tag)
        if not found:
            print(f"{name} {version}: no wheel for {platform}", file=sys.stderr)
            found = [] if wheels_only else sdists
        chosen.update(found)
    if not chosen:
        sys.exit(f"lock.py: the index has no usable file of {name} {version}")
    return sorted(chosen)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; 1 if out of date")
    parser.add_argument("--upgrade", action="store_true", help="do not keep the current versions")
    options = parser.parse_args()
    if sys.version_info[:2] != (3, 9):
        sys.exit(f"lock.py: run it with CPython 3.9; this is {sys.version.split()[0]}")
    outdated: list[str] = []
    with tempfile.TemporaryDirectory() as scratch:
        venv.create(scratch, with_pip=True)
        python = str(Path(scratch, "bin", "python"))
        run(python, "-m", "pip", "install", "--quiet", "-r", str(HERE / "installer.in"))
        for source in sorted(HERE.glob("*.in")):
            target = source.with_suffix(".requirements.txt")
            closure = resolve(python, source, Path("/dev/null") if options.upgrade else target)
            files = json.loads(run(python, "-c", LIST_FILES, *closure))
            lines = [f"# Made by lock.py from {source.name}: edit that, then run it again."]
            wheels_only = "--only-binary :all:" in source.read_text().splitlines()
            if wheels_only:
                lines.append("--only-binary :all:")
            for name, version in sorted(closure.items()):
                locked = hashes(name, version, files[name], wheels_only)
                lines.append(
                    f"{name}=={version}" + "".join(f" \\\n    --hash=sha256:{h}" for h in locked)
                )
            text = "\n".join(lines) + "\n"
            if not target.exists() or target.read_text() != text:
                outdated.append(target.name)
                if not options.check:
                    target.write_text(text)
    verb = "out of date" if options.check else "written"
    print(f"{verb}: {', '.join(outdated) or 'nothing'}")
    sys.exit(1 if options.check and outdated else 0)


if __name__ == "__main__":
    main()
