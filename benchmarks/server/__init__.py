"""How fast fastapp's servers, its gateway and its command line are, and beside what."""
