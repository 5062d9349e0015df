"""The recipe after uv's guide, carried out by buildah: no engine and no BuildKit."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

from image.containerfiles import FILE, UvRecipe
from image.engine import EngineError
from image.registry import Registry
from measuring.commands import CommandError, Done, environment, run


def find_buildah() -> str:
    """The program.

    Raises:
        EngineError: it is missing.
    """
    program = shutil.which("buildah")
    if program is None:
        raise EngineError("buildah is missing: apt-get install buildah")
    return program


class BuildahRecipe(UvRecipe):
    """Its images, its working containers and its cache mounts are in a folder of its own.

    So nothing helps its first build but the base, which is pulled before.
    """

    def prepare(self) -> None:
        super().prepare()
        self._program = find_buildah()
        self._storage = self.context.with_name(f"{self.context.name}.storage")
        (self._storage / "tmp").mkdir(parents=True)
        self._pushed = False
        # From where it is pushed to: buildah then knows which blobs the registry has.
        self._run_buildah("pull", "--quiet", "--tls-verify=false", self._base)

    def _run_buildah(self, *words: str | Path) -> Done:
        storage: list[str | Path] = ["--storage-driver=overlay", "--root", self._storage / "root"]
        storage += ["--runroot", self._storage / "run"]
        variables = environment(TMPDIR=str(self._storage / "tmp"))
        return run([self._program, *storage, *words], self.context, variables)

    def build(self, *, cached: bool = True) -> tuple[Done, int | None]:
        """Build; no processes are counted."""
        # The way that works in a container, too, and whatever the version of cgroups is.
        words: list[str | Path] = ["build", "--isolation=chroot", "--network=host"]
        # The recipe has a SHELL, which OCI's own format has not.
        words += ["--format=docker", "--pull-never", "--quiet"]
        words += ["--layers"] if cached else ["--layers", "--no-cache"]
        words += ["--file", self.context / FILE, "--tag", self._tag]
        words += ["--build-arg", f"BASE_IMAGE={self._base}"]
        for key in self.secrets:
            words += ["--secret", f"id={key},src={self.settings.secrets[key]}"]
        return self._run_buildah(*words, self.context), None

    def image(self) -> str | None:
        """The name in the engine, which has it once it was pushed."""
        return self._tag if self._pushed else None

    def image_id(self) -> str:
        """The sha256 of the image's configuration."""
        told = self._run_buildah("images", "--quiet", "--no-trunc", self._tag)
        return told.output.strip()

    def push(self, registry: Registry) -> None:
        """Push what was built, and have the engine pull it, which then can start it."""
        remote = registry.reference(self._tag.partition(":")[0])
        words = ("push", "--quiet", "--tls-verify=false", self._tag, f"docker://{remote}")
        self._run_buildah(*words)
        self._engine.run("pull", "--quiet", remote)
        self._engine.run("tag", remote, self._tag)
        self._engine.remove((remote,))
        self._made.add(self._engine.inspect(self._tag)["Id"])
        self._pushed = True

    def stop(self) -> None:
        """Take away what was made of it, here and in the engine."""
        self._engine.remove((self._tag,))
        self._engine.remove_nameless(self._made)
        # It may have built nothing, and an empty storage is not mounted.
        with suppress(CommandError):
            self._run_buildah("rmi", "--all", "--force")
        with suppress(CommandError):
            run(["umount", self._storage / "root" / "overlay"], self.context)
        shutil.rmtree(self._storage, ignore_errors=True)
