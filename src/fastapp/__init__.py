"""QingKong: an asynchronous framework in the manner of Django, on FastAPI and Tortoise ORM.

Importing this package costs next to nothing and imports no third-party package, so that the
command line can answer quickly.
"""

__version__ = "0.1.0"

__all__ = ["__version__"]
