"""Apps of this project."""
