"""ASGI middleware of the framework. None of it buffers a body."""
