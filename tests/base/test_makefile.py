"""The Makefile is a doorway: what it does is done by Pants and build-support/setup."""

from __future__ import annotations

from pathlib import Path


def test_make_is_only_a_doorway() -> None:
    recipes: dict[str, list[str]] = {}
    name = ""
    for line in Path("Makefile").read_text(encoding="utf-8").splitlines():
        if line.startswith("\t"):
            recipes.setdefault(name, []).append(line.strip())
        elif ":" in line and not line.startswith(("#", ".")):
            name = line.partition(":")[0]
    doors = {
        *("help", "image", "test", "lint", "fmt", "check", "lock", "upgrade"),
        *("cache-server", "bench-server"),
    }
    assert doors == set(recipes)
    del recipes["help"]
    assert max(len(lines) for lines in recipes.values()) <= 2
    thin = ("$(SETUP) ", "./pants ", "build-support/setup/")
    assert not any(lines[0].startswith("./pants ") for lines in recipes.values())
    assert all(line.startswith(thin) for lines in recipes.values() for line in lines)
