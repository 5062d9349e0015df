"""URL patterns of apps: ``path`` and ``include``, as in Django."""

from fastapp.urls.patterns import Include, Path, include, path

__all__ = ["Include", "Path", "include", "path"]
