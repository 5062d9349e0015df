"""Serving the files of a web front end."""
