"""Testing apps: a client of the application, on a database of its own.

:func:`fastapp.test.client.app_client` does the work; :mod:`fastapp.test.fixtures` has it as pytest
fixtures. Not in the production image: it needs httpx and pytest.
"""

from fastapp.test.client import app_client

__all__ = ["app_client"]
