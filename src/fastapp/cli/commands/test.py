"""``test``: pytest with the framework's fixtures."""

from __future__ import annotations

import click

#: Loaded by name: it needs pytest and httpx, which are not in production.
FIXTURES = "fastapp.test.fixtures"
NEEDED = ("pytest", "pytest_asyncio", "httpx")


@click.command(
    "test", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False}
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[PYTEST ARGUMENT]...")
def test(arguments: tuple[str, ...]) -> int:
    """Run pytest with the framework's fixtures.

    Everything after the command goes to pytest. The fixture 'client' is a client of the project on
    databases of its own, filled by the migrations; no database of the settings is touched.

    Exits as pytest does: 0 passed, 1 failed, 5 no tests found.
    """
    import importlib
    import os
    from typing import Any

    from fastapp.conf import settings
    from fastapp.exceptions import CommandError
    from fastapp.packages import installed

    missing = [package for package in NEEDED if not installed(package)]
    if missing:
        raise CommandError(
            f"'test' needs {', '.join(missing)}, which is not installed. "
            "Fix: install it where you develop; it is no part of production."
        )
    os.chdir(settings.BASE_DIR)
    pytest: Any = importlib.import_module("pytest")
    return int(pytest.main(["-p", FIXTURES, *arguments]))


# Where a test module imports this, pytest would take it for a test.
test.__test__ = False  # type: ignore[attr-defined]
