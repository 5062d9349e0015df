"""Starts Pants with the interpreter itself and the packages of an environment.

`environment.py` writes it into the environment's `bin` folder, with lines for the shell before it.
"""

import os
import sys

_BIN = os.path.dirname(os.path.realpath(__file__))
_SITE_PACKAGES = os.path.join(os.path.dirname(_BIN), "lib", "python3.9", "site-packages")
# The standard library and what is locked: nothing else that this interpreter has installed.
_OTHERS = [
    path
    for path in sys.path
    if path
    and os.path.realpath(path) != _BIN
    and not {"site-packages", "dist-packages"} & set(path.split(os.sep))
]
sys.path[:] = list(dict.fromkeys([_SITE_PACKAGES, *_OTHERS, _BIN]))

import pants_patches  # noqa: E402
from pants.bin.pants_loader import main  # noqa: E402

pants_patches.apply()
main()
