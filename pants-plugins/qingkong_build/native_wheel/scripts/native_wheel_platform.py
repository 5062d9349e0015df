"""For which interpreters and systems a wheel is: read from the wheel, and checked."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from native_wheel_errors import NativeWheelError

_TAG = re.compile(r"manylinux_(\d+)_(\d+)_(\w+)")
_GLIBC = re.compile(r"GLIBC_(\d+)\.(\d+)(?:\.\d+)?")


def refuse_foreign(spec: dict[str, Any], filename: str) -> None:
    """Refuse a wheel that the interpreter it was built by cannot install."""
    from packaging import tags
    from packaging.utils import parse_wheel_filename

    found = parse_wheel_filename(filename)[3]
    allowed = set(tags.sys_tags())
    if machine := spec.get("machine"):
        # Of an interpreter of the same version there.
        platform = f"linux_{machine}"
        allowed = {tags.Tag(each.interpreter, each.abi, platform) for each in allowed}
    if not found.isdisjoint(allowed):
        return
    version = ".".join(map(str, sys.version_info[:2]))
    raise NativeWheelError(
        spec,
        f"'project' {spec['project']!r} {spec['version']} built {filename}, which the interpreter "
        f"that was asked for ('interpreter_constraints': CPython {version}; best tag "
        f"{next(tags.sys_tags())}) cannot install. The package sets a tag of its own: look for "
        "`plat-name`, `py_limited_api` or `python-tag` in its setup.cfg, pyproject.toml and "
        "setup.py, and correct it by 'patches', or change 'interpreter_constraints'.",
    )


def manylinux_tag(spec: dict[str, Any], wheel: Path, build_tree: Path) -> str:
    """The platform tag that auditwheel finds for `wheel`, if the target allows it."""
    wanted = spec["manylinux"]
    audit = audit_wheel(spec, wheel, build_tree)
    found = audit["overall_tag"]
    match = _TAG.fullmatch(found)
    limit = tuple(map(int, wanted.split("_")[1:]))
    if match and (int(match[1]), int(match[2])) <= limit:
        return str(found)
    reasons = _reasons(audit, limit, f"{wanted}_{found.split('_', 1)[-1]}")
    raise NativeWheelError(
        spec,
        f"'manylinux' is {wanted!r}, but auditwheel allows {wheel.name} only {found!r}: "
        f"{'; '.join(reasons)}. Build on a system with an older C library, link such libraries "
        "statically or take them out, or raise 'manylinux' if all systems that the wheel is for "
        "have these.",
    )


def audit_wheel(spec: dict[str, Any], wheel: Path, build_tree: Path) -> dict[str, Any]:
    """What `auditwheel show --json` says."""
    if importlib.util.find_spec("auditwheel") is None:
        raise NativeWheelError(
            spec,
            f"'manylinux' is {spec['manylinux']!r}, which takes auditwheel, and 'build_resolve' "
            f"{spec['build_resolve']!r} has none. Add it to the requirements of that resolve and "
            "run `pants generate-lockfiles`, or take the field out.",
        )
    result = subprocess.run(
        # Safe path: nothing of the package's sources is imported.
        [sys.executable, "-P", "-m", "auditwheel", "show", "--json", str(wheel)],
        env={**os.environ, "PYTHONPATH": str(build_tree)},
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        audit: dict[str, Any] = json.loads(result.stdout)
        audit["overall_tag"]
    except (ValueError, KeyError):
        raise NativeWheelError(
            spec,
            f"'manylinux' is {spec['manylinux']!r}, but auditwheel cannot say what {wheel.name} "
            f"is: {(result.stdout + result.stderr).strip()[-500:]} Take the field out: it is for "
            "Linux with the GNU C library.",
        ) from None
    return audit


def _reasons(audit: dict[str, Any], limit: tuple[int, ...], policy: str) -> list[str]:
    """What a wheel has that the policy does not allow."""
    reasons = []
    for library, versions in sorted(audit["versioned_symbols"].items()):
        newer = [
            version
            for version in versions
            if (match := _GLIBC.fullmatch(version)) and (int(match[1]), int(match[2])) > limit
        ]
        if newer:
            reasons.append(f"{library} with the symbol versions {', '.join(sorted(newer))}")
    upgrade = audit.get("policy_upgrades", {}).get(policy, {})
    # For a policy that auditwheel does not know, all that is not of the system.
    libraries = upgrade.get("libs_to_eliminate") or sorted(audit["external_libs"])
    if libraries:
        reasons.append(f"it needs the libraries {', '.join(libraries)}")
    for library, symbols in sorted(upgrade.get("blacklisted_symbols", {}).items()):
        reasons.append(f"{library} with the symbols {', '.join(symbols)}")
    if audit.get("unsupported_isa"):
        reasons.append("it needs instructions that not every processor of this kind has")
    if not reasons:
        # Such as versions of libstdc++: their numbers are not those of the policy.
        every = [f"{k} with {', '.join(v)}" for k, v in sorted(audit["versioned_symbols"].items())]
        reasons.append(f"it needs {'; '.join(every)}")
    return reasons
