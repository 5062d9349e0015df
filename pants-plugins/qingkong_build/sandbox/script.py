"""Programs of the plugins, which run in sandboxes and not in Pants."""

from __future__ import annotations

import os
import pkgutil
from dataclasses import dataclass

from pants.engine.fs import FileContent

# Where a sandbox has them: nothing of a repository, which may be beside them, is called so.
FOLDER = "_scripts"


@dataclass(frozen=True)
class Script:
    """`scripts/<name>.py` of a plugin, and what it imports of the plugins.

    Attributes:
        plugin: the package's name, e.g. `qingkong_build.native_wheel`.
        name: without `.py`, as those of `modules`.
        modules: further ones of the same plugin.
        uses: those of other plugins, with all that they import.
        package_modules: modules of the plugin's package, which its rules import, too: a script has
            them as `<plugin>.<module>`. They import nothing but the standard library.
    """

    plugin: str
    name: str
    modules: tuple[str, ...] = ()
    uses: tuple[Script, ...] = ()
    package_modules: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        """Of the program, in a sandbox."""
        return os.path.join(FOLDER, f"{self.name}.py")

    def files(self, folder: str = FOLDER) -> list[FileContent]:
        """All of them, below `folder`; "" for the sandbox itself."""
        ours = [
            FileContent(os.path.join(folder, f"{name}.py"), self._source(f"scripts/{name}"))
            for name in (self.name, *self.modules)
        ]
        ours += [
            FileContent(
                os.path.join(folder, *self.plugin.split("."), f"{name}.py"), self._source(name)
            )
            for name in self.package_modules
        ]
        return [*ours, *(file for script in self.uses for file in script.files(folder))]

    def _source(self, name: str) -> bytes:
        source = pkgutil.get_data(self.plugin, f"{name}.py")
        assert source is not None, f"{self.plugin} is loaded from where no data can be read"
        return source
