"""Configuration of the shop app."""

from fastapp.apps import AppConfig


class ShopConfig(AppConfig):
    """Served at ``/shop``."""

    name = "apps.shop"
