"""The `[ruff]` options: which ruff, with which arguments and configuration."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import PurePath

from pants.backend.python.subsystems.python_tool_base import PythonToolBase
from pants.backend.python.target_types import ConsoleScript
from pants.backend.python.util_rules.pex_requirements import EntireLockfile, PexRequirements
from pants.core.util_rules.config_files import ConfigFilesRequest
from pants.engine.rules import collect_rules
from pants.option.errors import OptionsError
from pants.option.option_types import ArgsListOption, BoolOption, FileOption, SkipOption
from pants.util.strutil import softwrap

_CONFIG_NAMES = (".ruff.toml", "ruff.toml")


class Ruff(PythonToolBase):
    options_scope = "ruff"
    name = "Ruff"
    help = "The Python linter and formatter (https://docs.astral.sh/ruff/)."

    # What is installed comes from a resolve of the repository and from nowhere else: there is no
    # lockfile here to fall back on (Pants wants a name for one all the same).
    default_version = "ruff>=0.5"
    default_lockfile_resource = ("qingkong_build.ruff", "none.lock")
    default_main = ConsoleScript("ruff")
    register_interpreter_constraints = True

    skip = SkipOption("fix", "fmt", "lint")
    args = ArgsListOption(
        example="--extend-ignore=E501", extra_help="`ruff check` gets them, `ruff format` does not."
    )
    config = FileOption(
        default=None,
        advanced=True,
        help=softwrap(
            """
            A `pyproject.toml` or `ruff.toml` to use for all files, instead of what ruff finds
            beside and above each of them.
            """
        ),
    )
    config_discovery = BoolOption(
        default=True,
        advanced=True,
        help=softwrap(
            """
            Whether to give ruff every `pyproject.toml` with a `[tool.ruff]` table, and every
            `ruff.toml` and `.ruff.toml`, beside and above the checked files.
            """
        ),
    )

    def pex_requirements(
        self, *, extra_requirements: Iterable[str] = ()
    ) -> PexRequirements | EntireLockfile:
        if not self.install_from_resolve:
            raise OptionsError(
                f"[{self.options_scope}].install_from_resolve is not set, so there is no lockfile "
                "to install ruff from. Name the resolve that has ruff, and ruff in "
                f"[{self.options_scope}].requirements, e.g. install_from_resolve = 'dev' and "
                "requirements = ['ruff']."
            )
        return super().pex_requirements(extra_requirements=extra_requirements)

    def config_request(self, directories: Iterable[str]) -> ConfigFilesRequest:
        """What ruff could read for files in `directories`, which are relative to the root."""
        above = {""}
        for directory in directories:
            above.add(directory)
            above.update(str(parent) for parent in PurePath(directory).parents)
        above.discard(".")
        return ConfigFilesRequest(
            specified=self.config,
            specified_option_name=f"[{self.options_scope}].config",
            discovery=self.config_discovery,
            check_existence=[
                os.path.join(directory, name)
                for directory in sorted(above)
                for name in _CONFIG_NAMES
            ],
            check_content={
                os.path.join(directory, "pyproject.toml"): b"[tool.ruff"
                for directory in sorted(above)
            },
        )


def rules() -> Iterable[object]:
    return collect_rules()
