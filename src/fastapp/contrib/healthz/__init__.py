"""Health endpoints: alive (never touches a database) and ready (asks every database)."""

from fastapp.contrib.healthz.views import HEALTH_PATHS, health_router

__all__ = ["HEALTH_PATHS", "health_router"]
