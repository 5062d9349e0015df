"""What a start needs to know, kept as data: a list of texts, each ended by a NUL byte.

lib.sh reads it without running any of it: `format`, the inputs it was made from, then pairs of a
name and a value, then `end`. The values of `watch` are a file's path, a line feed, and the content
it had (none for a file that did not exist): when one has another content now, all is made again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from errors import BootstrapError

FORMAT = "qingkong-launcher-settings-1"


def render(
    inputs: str,
    variables: Iterable[tuple[str, str]],
    exports: Iterable[tuple[str, str]],
    watched: Sequence[Path],
) -> str:
    """The content of the file.

    Args:
        inputs: what lib.sh compares with what it finds.
        variables: for lib.sh itself.
        exports: variables for Pants, unless the user has set them.
        watched: files that these were made from, and that lib.sh does not know.
    """
    texts = [FORMAT, inputs]
    texts += [f"set {name}={value}" for name, value in variables]
    texts += [f"export {name}={value}" for name, value in exports]
    for path in dict.fromkeys(watched):
        texts.append(f"watch {path}\n{_content(path)}")
    texts.append("end")
    return "".join(f"{text}\0" for text in texts)


def _content(path: Path) -> str:
    try:
        content = path.read_text(encoding="utf-8", errors="surrogateescape")
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError):
        # lib.sh sees as little of it.
        return ""
    if "\0" in content:
        raise BootstrapError(
            "a configuration file is not text",
            where=str(path),
            value="it has a NUL byte",
            fix="correct or remove that file",
        )
    return content
