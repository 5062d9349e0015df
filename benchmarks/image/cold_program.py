"""Builds `deploy:image` from nothing and draws when each of its stages ran.

./pants run benchmarks/image:cold                 # for the page
./pants run benchmarks/image:cold -- --out DIR
"""

from __future__ import annotations

import argparse
import json
import secrets
import sys
import tempfile
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from image.engine import EngineError
from image.recipes import PantsRecipe
from image.setup import IMAGE, prepared
from image.timeline import Span, record, spans
from measuring.commands import CommandError
from measuring.environment import environment
from measuring.pages import environment_list, replace_section
from measuring.plots import draw_timeline

_PAGE = (
    "# How fast the image is built\n\n"
    "<!-- cold: written by ./pants run benchmarks/image:cold -->\n<!-- cold: end -->\n"
)
#: Seconds from which on a stage has a bar.
_LEAST = 0.5


def write(directory: Path, lines: Sequence[tuple[float, str]]) -> float:
    """Write the picture, its data and the section of the page; the seconds that it took."""
    took, stages = lines[-1][0], spans(lines)
    page = directory / "image.md"
    if not page.exists():
        directory.mkdir(parents=True, exist_ok=True)
        page.write_text(_PAGE, encoding="utf-8")
    data = [{"name": each.name, "start": each.start, "end": each.end} for each in stages]
    document = {"seconds": took, "stages": data}
    (directory / "image-cold.json").write_text(
        json.dumps(document, indent=1) + "\n", encoding="utf-8"
    )
    drawn = [each for each in stages if each.end - each.start >= _LEAST]
    draw_timeline(
        directory / "image-cold.svg",
        f"deploy:image from nothing: {took:.0f} s",
        [(each.name, each.start, each.end) for each in drawn],
    )
    silent = longest_silence(lines)
    text = (
        f"{took:.1f} s, with {len(stages)} stages; those of {_LEAST} s and more are drawn. The "
        f"longest time without a line of output is {silent.end - silent.start:.1f} s, after "
        f"{silent.start:.0f} s."
    )
    picture = "![When each stage ran](image-cold.svg)"
    replace_section(page, "cold", "\n\n".join((text, environment_list(environment()), picture)))
    return took


def longest_silence(lines: Sequence[tuple[float, str]]) -> Span:
    """The longest time in which nothing was said."""
    moments = [0.0, *(moment for moment, _ in lines)]
    return max(
        (Span("silence", *pair) for pair in pairwise(moments)),
        key=lambda span: span.end - span.start,
    )


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="benchmarks/image:cold", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--out", type=Path, default=Path("docs/benchmarks"))
    options = parser.parse_args(argv)
    try:
        with (
            tempfile.TemporaryDirectory(prefix="cold-") as folder,
            prepared(Path.cwd(), Path(folder), [IMAGE], secrets.token_hex(4), print) as setup,
        ):
            recipe = setup.recipes[IMAGE]
            assert isinstance(recipe, PantsRecipe)
            words = ["./pants", "--no-dynamic-ui", "package", IMAGE]
            lines = record(words, recipe.clone.root, recipe.clone.variables)
    except (CommandError, EngineError) as error:
        print(f"benchmarks/image:cold: {error}", file=sys.stderr)
        return 1
    print(f"{write(options.out, lines):.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
