"""An app with one model that has a field of every kind."""
