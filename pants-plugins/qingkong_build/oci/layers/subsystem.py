"""The `[image-layer]` options."""

from __future__ import annotations

from collections.abc import Iterable

from pants.backend.python.subsystems.setup import PythonSetup
from pants.engine.rules import collect_rules
from pants.option.errors import OptionsError
from pants.option.option_types import StrOption
from pants.option.subsystem import Subsystem
from pants.util.strutil import help_text, softwrap

from qingkong_build.python_lock.closure import Closure


class ImageLayerSubsystem(Subsystem):
    options_scope = "image-layer"
    help = help_text("Layers of images, made in cached processes.")

    installer_resolve = StrOption(
        default="image-layer",
        help=softwrap(
            """
            The resolve whose lockfile has PyPA's `installer`, which puts wheels into layers, and
            nothing else. With a resolve of its own, a change of other requirements installs
            nothing again.
            """
        ),
    )

    def resolve(self, python_setup: PythonSetup) -> str:
        """The resolve's name. Raises `OptionsError` where there is none of it."""
        if self.installer_resolve not in python_setup.resolves:
            raise OptionsError(
                f"[{self.options_scope}].installer_resolve is {self.installer_resolve!r}, but "
                f"[python.resolves] has only: {', '.join(sorted(python_setup.resolves))}. Add a "
                "resolve of this name whose one requirement is `installer`."
            )
        return self.installer_resolve

    def check(self, resolve: str, closure: Closure) -> None:
        """Raises `OptionsError` if `closure`, which is that of `resolve`, has no `installer`."""
        if "installer" not in closure.ways:
            raise OptionsError(
                f"[{self.options_scope}].installer_resolve is {resolve!r}, but "
                f"{closure.lock.path} has no `installer`. Add that requirement to the resolve "
                "and generate its lockfile."
            )


def rules() -> Iterable[object]:
    return collect_rules()
