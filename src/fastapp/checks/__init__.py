"""Checks of a project, as ``manage.py check`` runs them."""

from fastapp.checks.messages import ERROR, WARNING, CheckMessage, error, warning

__all__ = ["ERROR", "WARNING", "CheckMessage", "error", "warning"]
