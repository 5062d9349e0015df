"""The REST layer: views, errors and pagination."""
