[tool.pytest.ini_options]
# Where apps and settings are imported from.
pythonpath = ["."]
# Tests of two apps may have files of one name.
addopts = ["--import-mode=importlib"]
asyncio_default_fixture_loop_scope = "function"
