"""Configuration of the app."""

from fastapp.apps import AppConfig


class ${class_name}Config(AppConfig):
    """Served at ``/$name``."""

    name = "apps.$name"
