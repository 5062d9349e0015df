"""What is compared, and the proof that each process has the driver that it should have."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from driver.timing import Size

_STOP_SECONDS = 30.0


class VariantError(RuntimeError):
    """A process is not what it should be, or did not do its work; the text says which and why."""


@dataclass(frozen=True)
class Variant:
    """One driver.

    Attributes:
        name: of its PEX, and in reports.
        module: what is imported.
        version: that the driver must have; None for any, which the lockfile has chosen.
        profile: in the record that our builds carry; None for the index's wheels.
    """

    name: str
    module: str
    version: str | None = None
    profile: str | None = None

    def check(self, identity: Mapping[str, Any]) -> None:
        """Refuse a process that has another driver than this.

        Raises:
            VariantError: with what it has instead.
        """
        profile = None if identity["record"] is None else identity["record"]["profile"]
        found = (identity["version"], profile)
        wanted = (self.version or identity["version"], self.profile)
        if found != wanted:
            raise VariantError(
                f"{self.name} runs version and profile {found}, not {wanted}: another wheel was "
                "chosen. Look at the dependencies of its pex_binary in benchmarks/driver/BUILD."
            )
        if identity["libraries"] and not identity["loaded"]:
            raise VariantError(
                f"{self.name} has loaded none of {sorted(identity['libraries'])}: its module "
                f"{self.module!r} comes from somewhere else. Take that off its module path."
            )


BASELINE = "asyncmy-index"
VARIANTS: tuple[Variant, ...] = (
    Variant(BASELINE, "asyncmy", "0.2.18"),
    Variant("asyncmy-image", "asyncmy", "0.2.18+qingkong.1", "documented"),
    Variant("asyncmy-documented", "asyncmy", "0.2.18", "documented"),
    Variant("asyncmy-speed", "asyncmy", "0.2.18+speed", "speed"),
    Variant("asyncmy-0.2.9", "asyncmy", "0.2.9", "documented"),
    Variant("aiomysql", "aiomysql"),
    Variant("pymysql", "pymysql"),
    Variant("mysqlclient", "MySQLdb", None, "custom"),
)

# What was tried to beat the index's wheel: 3rdparty/asyncmy/BUILD. First by flags and
# settings of the compilers alone, then with the patch that made `speed`.
ATTEMPTS: tuple[Variant, ...] = (
    VARIANTS[0],
    *(
        Variant(f"asyncmy-{name}", "asyncmy", f"0.2.18+{name.replace('-', '.')}", "custom")
        for name in (
            "o2-lto",
            "o3-bound",
            "x86-64-v3",
            "directives",
            "profile-guided",
            "patch-documented",
            "patch-o3",
        )
    ),
    VARIANTS[3],
)


# Built to write down what it runs through.
RECORDING = Variant("asyncmy-recording", "asyncmy", "0.2.18+recording", "custom")


@dataclass
class Process:
    """A variant's process, started on entry and ended on exit.

    Attributes:
        pex: the file to run.
        connection: how to reach the server, for the driver's `connect`.
        cache: where PEXes unpack themselves.
        variables: of its environment, beside those of this process.
    """

    variant: Variant
    pex: Path
    connection: Mapping[str, str | int]
    cache: Path
    variables: Mapping[str, str] = field(default_factory=dict)
    _process: subprocess.Popen[str] = field(init=False)

    def __enter__(self) -> Self:
        # What the environment of the running PEX says about modules is not for this one.
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PEX", "PYTHON"))}
        self._process = subprocess.Popen(
            [sys.executable, str(self.pex), self.variant.module, json.dumps(self.connection)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**kept, **self.variables, "PEX_ROOT": str(self.cache)},
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def ask(self, what: str, size: Size | None = None) -> Any:
        """Have it do something, and return what it says.

        Raises:
            VariantError: it ended instead; what went wrong is on standard error.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        request: dict[str, Any] = {"do": what}
        if size is not None:
            request["size"] = size._asdict()
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            raise VariantError(
                f"{self.variant.name} ended with {self._process.wait()} when it was told to "
                f"{what!r}; the output above says why."
            )
        return json.loads(answer)
