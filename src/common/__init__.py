"""Settings and helpers that the apps of this project share."""
