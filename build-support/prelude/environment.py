"""Variables that tests need of the machine they run on, by name, for every BUILD file.

A test sees nothing else of the environment, so that its result can be another machine's too.
Tuples: Pants keeps the names of a prelude as keys.
"""

#: What the launcher found for Pants, for tests that start its engine (plugin_testing/machine.py).
PANTS_ENV = (
    "PANTS_PEX_CLI_URL_TEMPLATE",
    "PANTS_PYTHON_BOOTSTRAP_SEARCH_PATH",
    "PANTS_PYTHON_REPOS_PATH_MAPPINGS",
    "SSL_CERT_FILE",
)

#: How interpreters and packages are found, for tests that set Pants up or use pip.
MACHINE_ENV = (
    "HOME",
    "PYENV_ROOT",
    "PANTS_PYTHON39",
    "PANTS_PYTHON312",
    "PIP_INDEX_URL",
    "PIP_EXTRA_INDEX_URL",
    "PIP_FIND_LINKS",
    "PIP_CONFIG_FILE",
    "PIP_CERT",
    "PIP_CLIENT_CERT",
    "PIP_PROXY",
    "PIP_TRUSTED_HOST",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
)
