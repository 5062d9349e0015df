"""Records what a scan and point queries run through, for gcc to compile by (`-fprofile-use`)."""

from __future__ import annotations

import base64
import tempfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

from driver.timing import Size
from driver.variants import Process

_WIDTH = 100
_SCANS = 3
# What queries run through; the other modules do their work at import.
_MODULES = frozenset({"connection", "converters", "cursors", "protocol"})
_HEAD = """\
What a scan of 100,000 rows and point queries run through, as gcc recorded it:
`./pants run benchmarks/driver:record-profile`. Applied by profile-use.patch.

"""


def record_profile(
    start: Callable[[Mapping[str, str]], Process], size: Size, patch: Path
) -> list[str]:
    """Write a patch that adds the recorded profiles to the sources; return their names.

    Args:
        start: makes the process of an instrumented build, with these variables.
        patch: the file to write.
    """
    with tempfile.TemporaryDirectory(prefix="gcda") as directory:
        variables = {"GCOV_PREFIX": directory, "GCOV_PREFIX_STRIP": "100"}
        with start(variables) as process:
            for _ in range(_SCANS):
                process.ask("scan", size)
            process.ask("point", size)
        # They are written when the process ends.
        profiles = {
            path.stem: path.read_bytes()
            for path in Path(directory).rglob("*.gcda")
            if path.stem in _MODULES
        }
    patch.write_text(_HEAD + "".join(map(_added, sorted(profiles.items()))), encoding="utf-8")
    return sorted(profiles)


def _added(profile: tuple[str, bytes]) -> str:
    """The part of a patch that adds one profile as text."""
    name, content = profile
    text = base64.b85encode(zlib.compress(content, 9)).decode()
    lines = [text[start : start + _WIDTH] for start in range(0, len(text), _WIDTH)]
    return "\n".join(
        [
            "--- /dev/null",
            f"+++ b/profile/{name}.b85",
            f"@@ -0,0 +1,{len(lines)} @@",
            *(f"+{line}" for line in lines),
            "",
        ]
    )
