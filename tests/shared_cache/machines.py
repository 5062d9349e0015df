"""Machines that share nothing but the cache server: clones with caches of their own."""

from __future__ import annotations

import hashlib
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from measuring.clone import Clone, clone
from measuring.commands import Done, run

_LAYERS = """\
requirements_layer(
    name="orm",
    resolve="prod",
    path="/site",
    distributions=["aiosqlite", "iso8601", "pypika-tortoise", "tortoise-orm"],
)
requirements_layer(name="rest", resolve="prod", path="/site")
"""
#: Of `Machine.layers`.
LAYERS = ("a", "b", "c", "d")
_COUNTER = re.compile(r"^\s+(\w+): (\d+)$", re.MULTILINE)


@dataclass
class Machine:
    """A clone with caches of its own, which can be emptied."""

    tree: Clone
    caches: Path
    counters: dict[str, int] = field(default_factory=dict)
    umask: str = "022"

    @classmethod
    def make(cls, folder: Path, address: str, **variables: str) -> Machine:
        tree = clone(Path.cwd(), folder / "clone")
        (tree.root / "cached").mkdir()
        (tree.root / "cached" / "BUILD").write_text(_LAYERS, encoding="utf-8")
        caches = folder / "caches"
        tree.variables.update(
            PANTS_CONFIG_FILES="pants.ci.toml",
            PANTS_PANTSD="false",
            PANTS_LOCAL_STORE_DIR=str(caches / "store"),
            PANTS_NAMED_CACHES_DIR=str(caches / "named"),
            PANTS_REMOTE_STORE_ADDRESS=address,
            PANTS_REMOTE_CACHE_READ="true",
            **variables,
        )
        return cls(tree, caches)

    def package(self, *targets: str) -> Done:
        return self.run("package", *targets)

    def run(self, goal: str, *targets: str) -> Done:
        words = ["./pants", "--no-dynamic-ui", "--stats-log", *self.tree.options, goal, *targets]
        script = f'umask {self.umask}; exec "$@"'
        done = run(["sh", "-c", script, "-", *words], self.tree.root, self.tree.variables)
        self.counters = {name: int(value) for name, value in _COUNTER.findall(done.errors)}
        return done

    def use(self, address: str, **variables: str) -> None:
        """Use another server."""
        for name in ("PANTS_REMOTE_CA_CERTS_PATH", "PANTS_REMOTE_OAUTH_BEARER_TOKEN_PATH"):
            self.tree.variables.pop(name, None)
        self.tree.variables.update(PANTS_REMOTE_STORE_ADDRESS=address, **variables)

    def layers(self, contents: str) -> None:
        """Declare a few layers that no machine has packed yet, one process each."""
        (self.tree.root / "cached" / "BUILD").write_text(
            "".join(
                f'filesystem_layer(name="{name}", files={{"/{name}": "{contents}"}})\n'
                for name in LAYERS
            ),
            encoding="utf-8",
        )

    def forget(self) -> None:
        """Empty its caches, and remove what it built."""
        for folder in (self.caches, self.tree.root / "dist"):
            shutil.rmtree(folder, ignore_errors=True)

    def built(self) -> dict[str, str]:
        """The digest of each file below `dist/`."""
        dist = self.tree.root / "dist"
        return {
            str(path.relative_to(dist)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in dist.rglob("*")
            if path.is_file()
        }

    def assert_nothing_was_run(self, first: Machine) -> None:
        """All that was asked for came from the cache."""
        assert self.counters["remote_cache_requests"] == first.counters["remote_cache_requests"]
        assert self.counters["remote_cache_requests_uncached"] == 0
        assert self.counters["remote_cache_read_errors"] == 0
        assert self.built() == first.built()
