"""Optional parts of the framework."""
