python_sources(sources=["**/*.py", "!tests/**"])
