# Runs first in every process of the pex tool (`--preamble-file`), on any Python.
#
# No pip of a build reads configuration files: pex starts it with `--isolated`, which leaves the
# system-wide ones in force, and a `constraint` or `no-index` in them breaks builds. Certificates,
# proxies and passwords are in a file that `network.path` names (network.py), and so in no key of
# Pants, and in no argument. Pants gives its processes no HOME, and pex would keep its downloads
# in that of the account; here it is a directory in the cache that Pants gives it.
#
# pex writes the password that it finds in netrc into the addresses that it gives pip as arguments,
# where everyone can read it. pip reads netrc by itself, so pex is kept from that.
def _keep_passwords_out_of_arguments():  # type: () -> None
    import importlib.util
    import sys

    class Finder:
        def find_spec(self, name, path=None, target=None):  # type: ignore[no-untyped-def]
            if name != "pex.auth":
                return None
            sys.meta_path.remove(self)
            try:
                spec = importlib.util.find_spec(name)
            finally:
                sys.meta_path.insert(0, self)
            loader = spec and spec.loader
            if loader and hasattr(loader, "exec_module"):
                execute = loader.exec_module

                def exec_module(module):  # type: ignore[no-untyped-def]
                    execute(module)
                    module.PasswordEntry.maybe_inject_in_url = lambda self, url: None

                loader.exec_module = exec_module  # type: ignore[method-assign]
            return spec

    sys.meta_path.insert(0, Finder())


def _set_up_network():  # type: () -> None
    import json
    import os
    import sys

    os.environ["PIP_CONFIG_FILE"] = os.devnull
    cache = os.environ.get("PEX_ROOT")
    if not cache or os.environ.get("_PEX_NETWORK_IS_SET_UP"):
        return
    cache = os.path.abspath(cache)
    settings = {}
    try:
        with open(os.path.join(cache, "network.path"), encoding="utf-8") as pointer:
            with open(pointer.read().strip(), encoding="utf-8") as file:
                settings = json.load(file)
    except (OSError, ValueError):
        # Started by another launcher: what the environment says has to do.
        pass
    os.environ["HOME"] = os.path.join(cache, "home")
    for name, value in settings.get("environment", {}).items():
        os.environ[str(name)] = str(value)
    os.environ["_PEX_NETWORK_IS_SET_UP"] = "1"
    # pex takes these as arguments only; Pants' own start with `--tmpdir`.
    if "--tmpdir" in sys.argv:
        place = sys.argv.index("--tmpdir")
        if sys.argv[1:place] in ([], ["lock", "create"], ["venv", "create"]):
            sys.argv[place:place] = [str(word) for word in settings.get("arguments", [])]


_keep_passwords_out_of_arguments()
_set_up_network()
del _keep_passwords_out_of_arguments, _set_up_network
