python_sources()
