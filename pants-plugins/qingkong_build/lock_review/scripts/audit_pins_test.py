"""Without pip-audit itself, which the plugin's test runs."""

from __future__ import annotations

from typing import Any

from audit_pins import environment, last_line, summary
from network_settings import Settings


def test_connections_go_where_the_settings_say() -> None:
    settings = Settings(
        {
            "PIP_PROXY": "http://proxy:1",
            "NO_PROXY": "local",
            "SSL_CERT_FILE": "/certs.pem",
            "X": "y",
        },
    )
    env = environment(settings)
    assert env["https_proxy"] == "http://proxy:1"
    assert env["NO_PROXY"] == "local"
    assert env["REQUESTS_CA_BUNDLE"] == "/certs.pem"
    assert "X" not in env
    named = Settings({"SSL_CERT_FILE": "/certs.pem"}, ca_certs_path="/pants.pem")
    assert environment(named)["REQUESTS_CA_BUNDLE"] == "/pants.pem"


def test_summary() -> None:
    vulnerability = {"id": "PYSEC-1", "fix_versions": ["1.2"], "aliases": ["CVE-1"]}
    answers: list[dict[str, Any]] = [
        {"dependencies": [{"name": "web", "version": "1.0", "vulns": [vulnerability]}]},
        {
            "dependencies": [
                {"name": "lib", "skip_reason": "not found"},
                {"name": "ok", "version": "1", "vulns": []},
            ]
        },
    ]
    assert summary(answers) == {
        "found": [
            {
                "name": "web",
                "version": "1.0",
                "id": "PYSEC-1",
                "fixed_in": ["1.2"],
                "aliases": ["CVE-1"],
            }
        ],
        "unknown": ["lib"],
        "error": "",
    }


def test_what_an_error_ends_with() -> None:
    assert (
        last_line("Traceback\n  deep\nConnectionError: refused\n\n") == "ConnectionError: refused"
    )
    assert last_line("") == "it said nothing"
