"""The command line, on click.

This package is imported by every command, so it imports nothing but click: no settings, no
FastAPI, no ORM. Each command lives in a module of its own and is imported when it is run.
"""

from fastapp.cli.main import main

__all__ = ["main"]
