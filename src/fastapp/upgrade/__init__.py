"""What a project of the earlier framework of this name has to change; docs/moving-over.md."""
