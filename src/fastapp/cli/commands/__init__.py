"""One module for each command; see ``fastapp.cli.registry``."""
