"""The app "$name"."""
