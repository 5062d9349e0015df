"""What a Dockerfile that only assembles says: a base, layers to unpack, and configuration.

Pure functions on what BuildKit's own parser found. An instruction that needs a container, or files
of the base, ends in `NotAssemblable`: an engine can build such an image, nobody else can.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_LAYER_ENDINGS = (".tar", ".tar.gz", ".tgz")
_SHELL = ("/bin/sh", "-c")
_VARIABLE = re.compile(r"\\(.)|\$(?:(\w+)|\{(\w+)\})|(\$)", re.DOTALL)
_UNITS = {"ns": 1, "us": 10**3, "µs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9}
_UNITS["h"] = 60 * _UNITS["m"]


class NotAssemblable(Exception):
    """The instruction that takes an engine, and why; also used for one that is wrong."""


@dataclass(frozen=True)
class Instruction:
    """One instruction, its values as written: quotes and variables are still in them."""

    name: str
    values: tuple[str, ...]
    flags: tuple[str, ...] = ()
    exec_form: bool = False
    line: int = 0
    text: str = ""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Instruction:
        return cls(
            name=raw["name"],
            values=tuple(raw["values"]),
            flags=tuple(raw["flags"]),
            exec_form=raw["exec_form"],
            line=raw["line"],
            text=raw["text"],
        )


@dataclass(frozen=True)
class Step:
    """One entry of the image's history: a layer, or a change of the configuration alone."""

    text: str
    # Path of the layer in the build's context; None where there is none.
    layer: str | None = None


@dataclass(frozen=True)
class Recipe:
    """`changes` are in the order of the file; each is applied to the base's `config` object."""

    base: str
    steps: tuple[Step, ...]
    changes: tuple[Instruction, ...]

    @property
    def layers(self) -> tuple[str, ...]:
        """The paths of the layers in the context, lowest first."""
        return tuple(step.layer for step in self.steps if step.layer is not None)


@dataclass
class _Reader:
    arguments: Mapping[str, str]
    base: str = ""
    steps: list[Step] = field(default_factory=list)
    changes: list[Instruction] = field(default_factory=list)
    defined: dict[str, str] = field(default_factory=dict)

    def read(self, instruction: Instruction) -> None:
        name = instruction.name
        if name == "ARG":
            self.define(instruction)
        elif name == "FROM":
            self.start(instruction)
        elif name in ("ADD", "COPY"):
            self.unpack(instruction)
        elif name in _CHANGES:
            self.changes.append(instruction)
            self.steps.append(Step(_one_line(instruction.text)))
        else:
            raise NotAssemblable(f"line {instruction.line}: {name} needs a container engine")

    def define(self, instruction: Instruction) -> None:
        for value in instruction.values:
            name, _, default = value.partition("=")
            self.defined[name] = self.arguments.get(name, _unquote(default, self.defined))

    def start(self, instruction: Instruction) -> None:
        if self.base:
            raise NotAssemblable(f"line {instruction.line}: it has more than one stage")
        if instruction.flags:
            flag = instruction.flags[0]
            raise NotAssemblable(f"line {instruction.line}: FROM with {flag} is not supported")
        self.base = _unquote(instruction.values[0], self.defined)
        if not self.base or self.base == "scratch":
            raise NotAssemblable(f"line {instruction.line}: FROM has no base image")
        # As in the builder: arguments before FROM are not visible after it.
        self.defined.clear()

    def unpack(self, instruction: Instruction) -> None:
        where = f"line {instruction.line}: {instruction.name}"
        if instruction.flags:
            raise NotAssemblable(f"{where} with {instruction.flags[0]} is not supported")
        *sources, target = (_unquote(value, self.defined) for value in instruction.values)
        layer = len(sources) == 1 and sources[0].endswith(_LAYER_ENDINGS)
        if instruction.name != "ADD" or not layer or target != "/":
            raise NotAssemblable(f"{where} is not that of one layer: ADD <name>.tar /")
        self.steps.append(
            Step(_one_line(instruction.text), sources[0].removeprefix("./").lstrip("/"))
        )


def read_recipe(instructions: Iterable[Instruction], arguments: Mapping[str, str]) -> Recipe:
    """What the instructions say.

    Args:
        instructions: of the whole Dockerfile.
        arguments: values given from outside for `ARG`s.

    Raises:
        NotAssemblable: says which line needs a container engine.
    """
    reader = _Reader(arguments)
    for instruction in instructions:
        reader.read(instruction)
    if not reader.base:
        raise NotAssemblable("it has no FROM")
    recipe = Recipe(reader.base, tuple(reader.steps), tuple(reader.changes))
    if len(set(recipe.layers)) != len(recipe.layers):
        raise NotAssemblable("it adds one layer twice")
    return recipe


def configured(
    base: Mapping[str, Any], recipe: Recipe, labels: Mapping[str, str]
) -> dict[str, Any]:
    """The `config` object of the image.

    Args:
        base: the base's own.
        recipe: whose changes are applied to it.
        labels: further ones, above those of the recipe.

    Raises:
        NotAssemblable: an instruction is wrong.
    """
    config = {name: _copy(base[name]) for name in KNOWN if base.get(name)}
    for change in recipe.changes:
        environment = dict(entry.split("=", 1) for entry in config.get("Env", []))
        _CHANGES[change.name](config, change, environment)
    if labels:
        config.setdefault("Labels", {}).update(labels)
    return config


#: Of the OCI image configuration, and the two of Docker's that it reserves. What else an engine
#: reports of an image is its own business, and would make another image of the same base.
KNOWN = (
    "User",
    "ExposedPorts",
    "Env",
    "Entrypoint",
    "Cmd",
    "Volumes",
    "WorkingDir",
    "Labels",
    "StopSignal",
    "Healthcheck",
    "Shell",
)


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return dict(value)
    return list(value) if isinstance(value, list) else value


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _unquote(value: str, variables: Mapping[str, str]) -> str:
    """A word as the builder's shell lexer reads it: quotes removed, variables replaced."""
    result, position = [], 0
    for match in re.finditer(r"'([^']*)'|\"((?:\\.|[^\"\\])*)\"", value):
        result.append(_expand(value[position : match.start()], variables, r"\$"))
        single, double = match.groups()
        result.append(single if single is not None else _expand(double, variables, '"$\\'))
        position = match.end()
    result.append(_expand(value[position:], variables, None))
    return "".join(result)


def _expand(text: str, variables: Mapping[str, str], escapable: str | None) -> str:
    def replace(match: re.Match[str]) -> str:
        escaped, short, braced, lone = match.groups()
        if escaped is not None:
            plain = escapable is None or escaped in escapable or escapable == r"\$"
            return escaped if plain else match.group()
        if lone is not None:
            if text[match.end() : match.end() + 1] == "{":
                raise NotAssemblable(f"the expression in {text!r} is not supported; use ${{NAME}}")
            return lone
        return variables.get(short or braced, "")

    return _VARIABLE.sub(replace, text)


def _pairs(change: Instruction, variables: Mapping[str, str]) -> dict[str, str]:
    names = [_unquote(name, variables) for name in change.values[::2]]
    return dict(zip(names, (_unquote(value, variables) for value in change.values[1::2])))


def _command(change: Instruction, config: Mapping[str, Any]) -> list[str]:
    if change.exec_form:
        return list(change.values)
    return [*config.get("Shell", _SHELL), *change.values]


def _env(config: dict[str, Any], change: Instruction, variables: dict[str, str]) -> None:
    variables.update(_pairs(change, variables))
    config["Env"] = [f"{name}={value}" for name, value in variables.items()]


def _label(config: dict[str, Any], change: Instruction, variables: dict[str, str]) -> None:
    config.setdefault("Labels", {}).update(_pairs(change, variables))


def _workdir(config: dict[str, Any], change: Instruction, variables: dict[str, str]) -> None:
    path = _unquote(change.values[0], variables)
    if not path.startswith("/"):
        path = f"{config.get('WorkingDir', '/').rstrip('/')}/{path}"
    config["WorkingDir"] = path


def _user(config: dict[str, Any], change: Instruction, variables: dict[str, str]) -> None:
    config["User"] = _unquote(change.values[0], variables)


def _expose(config: dict[str, Any], change: Instruction, variables: dict[str, str]) -> None:
    for value in change.values:
        port = _unquote(value, variables)
        if not re.fullmatch(r"\d+(/(tcp|udp|sctp))?", port):
            raise NotAssemblable(f"line {change.line}: EXPOSE {port} is no port or port/protocol")
        config.setdefault("ExposedPorts", {})[port if "/" in port else f"{port}/tcp"] = {}


def _volume(config: dict[str, Any], change: Instruction, variables: dict[str, str]) -> None:
    paths = [value if change.exec_form else _unquote(value, variables) for value in change.values]
    config.setdefault("Volumes", {}).update({path: {} for path in paths})


def _stop_signal(config: dict[str, Any], change: Instruction, variables: dict[str, str]) -> None:
    config["StopSignal"] = _unquote(change.values[0], variables)


def _cmd(config: dict[str, Any], change: Instruction, variables: dict[str, str]) -> None:
    config["Cmd"] = _command(change, config)


def _entrypoint(config: dict[str, Any], change: Instruction, variables: dict[str, str]) -> None:
    config["Entrypoint"] = _command(change, config)
    # As in the builder: a command of the base was meant for the base's entry point.
    config.pop("Cmd", None)


def _shell(config: dict[str, Any], change: Instruction, variables: dict[str, str]) -> None:
    config["Shell"] = list(change.values)


def _healthcheck(config: dict[str, Any], change: Instruction, variables: dict[str, str]) -> None:
    kind, *command = change.values
    if kind.upper() == "NONE":
        config["Healthcheck"] = {"Test": ["NONE"]}
        return
    test: dict[str, Any] = {
        "Test": ["CMD", *command] if change.exec_form else ["CMD-SHELL", *command]
    }
    names = {
        "--interval": "Interval",
        "--timeout": "Timeout",
        "--start-period": "StartPeriod",
        "--retries": "Retries",
    }
    for flag in change.flags:
        name, _, value = flag.partition("=")
        if name not in names:
            raise NotAssemblable(f"line {change.line}: HEALTHCHECK with {name} is not supported")
        test[names[name]] = int(value) if name == "--retries" else nanoseconds(value, change.line)
    config["Healthcheck"] = test


def nanoseconds(text: str, line: int) -> int:
    """`1m30s` as in Go's `time.ParseDuration`, in nanoseconds.

    Raises:
        NotAssemblable: it is no duration.
    """
    parts: Sequence[tuple[str, str]] = re.findall(r"([\d.]+)(ns|us|µs|ms|s|m|h)", text)
    if not parts or "".join(map("".join, parts)) != text:
        raise NotAssemblable(f"line {line}: {text!r} is no duration; write e.g. 30s or 1m30s")
    return int(sum(float(number) * _UNITS[unit] for number, unit in parts))


_CHANGES = {
    "CMD": _cmd,
    "ENTRYPOINT": _entrypoint,
    "ENV": _env,
    "EXPOSE": _expose,
    "HEALTHCHECK": _healthcheck,
    "LABEL": _label,
    "SHELL": _shell,
    "STOPSIGNAL": _stop_signal,
    "USER": _user,
    "VOLUME": _volume,
    "WORKDIR": _workdir,
}
