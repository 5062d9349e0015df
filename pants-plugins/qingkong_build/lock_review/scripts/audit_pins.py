"""Run pip-audit on files of pins, and print what it found as JSON.

python audit_pins.py FILE... [-- ARGUMENT OF PIP-AUDIT...]

Prints `{"found": [...], "unknown": [...], "error": ""}`: vulnerabilities, the projects that the
database did not know, and why there is no answer. No answer is no error of this program.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from typing import Any

from network_settings import Settings, SettingsError

# As pip-audit's `requests` reads them.
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
_CERTIFICATES = ("PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
_LIMIT_SECONDS = 600


def environment(settings: Settings) -> dict[str, str]:
    """Where pip-audit's connections go: the settings of this machine."""
    names = [*_PROXIES, *map(str.upper, _PROXIES), "SSL_CERT_DIR", "NETRC", "HOME"]
    found = {name: settings.variable(name) for name in names if settings.variable(name)}
    certificates = settings.ca_certs_path or settings.variable(*_CERTIFICATES)
    if certificates:
        found["REQUESTS_CA_BUNDLE"] = certificates
    proxy = settings.variable("PIP_PROXY")
    if proxy:
        found.setdefault("https_proxy", proxy)
    return {**os.environ, **found}


def last_line(text: str) -> str:
    """What an error ends with."""
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip()[:300] if lines else "it said nothing"


def audit(path: str, arguments: Sequence[str], env: dict[str, str]) -> dict[str, Any]:
    """What pip-audit says of one file. Raises RuntimeError where it says nothing."""
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "out.json")
        command = [sys.executable, "-m", "pip_audit", f"--requirement={path}"]
        command += ["--no-deps", "--disable-pip", "--format=json", f"--output={out}"]
        command += ["--progress-spinner=off", f"--cache-dir={folder}/cache", *arguments]
        try:
            done = subprocess.run(
                command, env=env, capture_output=True, text=True, timeout=_LIMIT_SECONDS
            )
        except subprocess.TimeoutExpired:
            raise RuntimeError(f"no answer in {_LIMIT_SECONDS} seconds") from None
        # 1 means both: vulnerabilities, which are in the file, and a failure, which leaves none.
        if done.returncode not in {0, 1} or not os.path.exists(out):
            raise RuntimeError(last_line(done.stderr))
        with open(out, encoding="utf-8") as file:
            answer: dict[str, Any] = json.load(file)
            return answer


def summary(answers: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What people want to know of the answers."""
    dependencies = [one for answer in answers for one in answer["dependencies"]]
    return {
        "found": [
            {
                "name": one["name"],
                "version": one["version"],
                "id": vulnerability["id"],
                "fixed_in": vulnerability["fix_versions"],
                "aliases": vulnerability.get("aliases", []),
            }
            for one in dependencies
            for vulnerability in one.get("vulns", ())
        ],
        "unknown": [one["name"] for one in dependencies if "skip_reason" in one],
        "error": "",
    }


def main(argv: Sequence[str]) -> int:
    end = argv.index("--") if "--" in argv else len(argv)
    files, arguments = argv[:end], argv[end + 1 :]
    try:
        env = environment(Settings.of_process())
        result = summary([audit(path, arguments, env) for path in files])
    except (RuntimeError, SettingsError) as error:
        result = {"found": [], "unknown": [], "error": str(error)}
    json.dump(result, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
