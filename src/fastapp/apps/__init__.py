"""The app registry: which apps a project has, and how each is served."""

from fastapp.apps.config import AppConfig
from fastapp.apps.registry import Apps, apps

__all__ = ["AppConfig", "Apps", "apps"]
