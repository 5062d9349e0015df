"""The options of `[image-assembly]`."""

from __future__ import annotations

from enum import Enum

from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.option.option_types import DictOption, EnumOption, StrListOption, StrOption
from pants.option.subsystem import Subsystem
from pants.util.strutil import softwrap


class BaseSourceKind(Enum):
    """Where a base may come from."""

    auto = "auto"
    engine = "engine"
    registry = "registry"


class ImageAssembly(Subsystem):
    options_scope = "image-assembly"
    help = "Assembling container images from layers, without a container engine's builder."

    base_source = EnumOption(
        default=BaseSourceKind.auto,
        help=softwrap(
            """
            Where the base of an `oci_image` comes from: `engine` (the one on this machine),
            `registry`, or `auto`, which asks the engine first.
            """
        ),
    )
    base = StrOption(
        default=None,
        help=softwrap(
            """
            The base of every `oci_image` that is not on top of another, in place of the one of its
            `base` field, and as that has it.
            """
        ),
    )
    stand_ins = DictOption[str](
        help=softwrap(
            """
            For a base that its registry may not be reachable for, the name of an image in the
            container engine that takes its place. It is used, with a warning, where the engine
            lacks the base and cannot pull it.
            """
        ),
    )
    base_hint = StrOption(
        default="pull the base, or choose another",
        help="How this repository's users get a base: what an error about a missing one suggests.",
        advanced=True,
    )
    interpreter_constraints = StrListOption(
        default=["CPython>=3.9"],
        help="Which Python runs the plugin's own scripts; they need the standard library alone.",
    )
    created = StrOption(
        default=None,
        help=softwrap(
            """
            The time that images and their top layers say they were created, in RFC 3339. By
            default it is that of the base, so that the same sources make the same image.
            """
        ),
    )
    default_registry = StrOption(
        default=None,
        help=softwrap(
            """
            The registry, as `host` or `host:port`, of a base whose name has none, such as
            `python:3.12-slim-bookworm`. Only needed where no container engine has or pulls it.
            """
        ),
    )
    insecure_registries = StrListOption(
        help="Registries, as `host:port`, to speak to without TLS; those of loopback always are.",
    )

    @property
    def python(self) -> InterpreterConstraints:
        """Which interpreters run the plugin's own scripts."""
        return InterpreterConstraints(self.interpreter_constraints)
