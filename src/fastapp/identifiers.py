"""Numbers that tell requests and traces apart. They are no secrets, and many are needed quickly."""

from __future__ import annotations

import os
import random

_source = random.Random()
random_bits = _source.getrandbits

# A forked process would go on with the numbers of its parent.
os.register_at_fork(after_in_child=_source.seed)
