"""Named sets of flags: what `native_wheel(profile="...")` means."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

# Flags that make gcc link `crtfastmath.o`: a library that carries it flips the
# processor to flush-to-zero for the whole process when it is loaded.
FAST_MATH_FLAGS = ("-ffast-math", "-Ofast", "-funsafe-math-optimizations")

# The one place where they are defined; `[native-wheels].profiles` adds more.
PROFILES: dict[str, dict[str, Any]] = {
    # No flags: those of the target's own fields are all.
    "custom": {},
    # Small. The flags that the first deployment guide of asyncmy documents.
    "documented": {
        "compile_args": ["-Os", "-flto", "-ffast-math"],
        # `-ffast-math` must not be here: it would change floating point for the process.
        "link_args": ["-flto", "-s"],
    },
    # Fast.
    "speed": {"compile_args": ["-O2", "-flto"], "link_args": ["-flto", "-s"]},
    # For a debugger: nothing optimised, nothing stripped.
    "debug": {"compile_args": ["-O0", "-g"]},
}

_LISTS = ("compile_args", "link_args")
_MAPPINGS = ("define_macros",)


class InvalidProfile(Exception):
    """What is wrong, where, with which value, and the fix."""


@dataclass(frozen=True)
class Profile:
    """Flags that come before those of a target."""

    compile_args: tuple[str, ...] = ()
    link_args: tuple[str, ...] = ()
    define_macros: tuple[tuple[str, str], ...] = ()


def fast_math_problem(where: str, args: Iterable[str]) -> str | None:
    """What to say about link arguments that would change the arithmetic of the process, if any."""
    for arg in args:
        if arg in FAST_MATH_FLAGS:
            return (
                f"{where} has {arg!r}: at link time it makes importing the wheel flush denormal "
                f"numbers to zero in the whole process (`5e-324 == 0.0`). Move {arg!r} to the "
                "'compile_args' field."
            )
    return None


def find_profile(profiles: Mapping[str, Any], name: str, address: str) -> Profile:
    """The profile `name` of `[native-wheels].profiles`, for the target at `address`."""
    if name not in profiles:
        raise InvalidProfile(
            f"The 'profile' field in target {address} is {name!r}, but [native-wheels].profiles "
            f"has only: {', '.join(sorted(profiles))}. Use one of these, or add it there."
        )
    where = f"[native-wheels].profiles, {name!r} (the 'profile' field in target {address}),"
    content = profiles[name]
    fix = (
        f"Write it as {{'{name}': {{'compile_args': ['-O2'], 'link_args': ['-s'], "
        "'define_macros': {'NAME': 'value'}}}."
    )
    if not isinstance(content, Mapping):
        raise InvalidProfile(f"{where} is {content!r}, which is no mapping. {fix}")
    for key, value in content.items():
        if key in _LISTS:
            valid = isinstance(value, (list, tuple)) and all(isinstance(arg, str) for arg in value)
        elif key in _MAPPINGS:
            valid = isinstance(value, Mapping) and all(
                isinstance(text, str) for pair in value.items() for text in pair
            )
        else:
            raise InvalidProfile(f"{where} has {key!r}, which no profile has. {fix}")
        if not valid:
            raise InvalidProfile(f"{where} has {key!r} = {value!r}. {fix}")
    problem = fast_math_problem(f"{where} 'link_args',", content.get("link_args", ()))
    if problem is not None:
        raise InvalidProfile(problem)
    return Profile(
        tuple(content.get("compile_args", ())),
        tuple(content.get("link_args", ())),
        tuple(sorted(content.get("define_macros", {}).items())),
    )
