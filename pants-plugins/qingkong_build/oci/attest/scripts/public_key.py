"""Public keys, and what they verify: by OpenSSL's program, which every machine that signs has.

No cryptography of our own, and none to install: the plugin has to work from a distribution.
Standard library only.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from attest_error import AttestError, refusal

_SECONDS = 60


@dataclass(frozen=True)
class PublicKey:
    """A key in PEM as `cosign public-key` and `openssl pkey -pubout` write it: ECDSA or RSA."""

    path: Path
    openssl: str

    @classmethod
    def load(cls, path: Path) -> PublicKey:
        """The key in a file.

        Raises:
            AttestError: there is no OpenSSL, no such file, or no such key in it.
        """
        openssl = shutil.which("openssl")
        if openssl is None:
            path_variable = os.environ.get("PATH", "")
            why = "no directory of it has the program openssl, which verifies signatures"
            fix = "install it, e.g. apt-get install openssl"
            raise refusal("verifying", "PATH", path_variable, why, fix)
        key = cls(path.absolute(), openssl)
        if not path.is_file():
            raise key._refused("there is no such file")
        done = key._run("pkey", "-pubin", "-noout", "-text", "-in", str(key.path))
        if done.returncode != 0:
            raise key._refused("OpenSSL reads no public key in it")
        # Ed25519 and its like hash by themselves; `dgst` has no part in it.
        if b"ASN1 OID" not in done.stdout and b"Modulus" not in done.stdout:
            kind = done.stdout.decode(errors="replace").partition("\n")[0].strip()
            raise key._refused(f"it is of another kind: {kind}")
        return key

    def verifies(self, content: bytes, signature: bytes) -> bool:
        """Whether a signature is of this content (by SHA-256) and by this key."""
        with tempfile.NamedTemporaryFile() as file:
            file.write(signature)
            file.flush()
            done = self._run(
                *("dgst", "-sha256", "-verify", str(self.path), "-signature", file.name),
                content=content,
            )
        return done.returncode == 0 and done.stdout == b"Verified OK\n"

    def _run(self, *argv: str, content: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        try:
            return subprocess.run(
                [self.openssl, *argv],
                input=content,
                capture_output=True,
                timeout=_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise self._refused(f"{self.openssl} did not run: {error}") from None

    def _refused(self, why: str) -> AttestError:
        fix = "give the public half of an ECDSA or RSA key, in PEM"
        return refusal("verifying", "--key", str(self.path), why, fix)
