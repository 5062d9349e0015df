"""What a container has to start, to do what a PEX does."""

from __future__ import annotations

from pants.backend.python.target_types import ConsoleScript, EntryPoint

# Both call the function as the scripts that pip installs do.
_FUNCTION = (
    "import sys; sys.argv[0] = {module!r}; from {module} import {first} as _main; "
    "sys.exit(_main{rest}())"
)
_SCRIPT = (
    "import sys; sys.argv[0] = {name!r}; from importlib.metadata import distributions; "
    "_scripts = [x for each in distributions() for x in each.entry_points "
    "if (x.group, x.name) == ('console_scripts', {name!r})]; "
    "sys.exit(_scripts[0].load()())"
)


def command_of(entry_point: EntryPoint | None, script: ConsoleScript | None) -> tuple[str, ...]:
    """The words of the command; none for a PEX that has neither, which starts Python."""
    if script is not None:
        return ("python", "-c", _SCRIPT.format(name=script.name))
    if entry_point is None:
        return ()
    if entry_point.function is None:
        return ("python", "-m", entry_point.module)
    first, dot, rest = entry_point.function.partition(".")
    return (
        "python",
        "-c",
        _FUNCTION.format(module=entry_point.module, first=first, rest=f"{dot}{rest}"),
    )
