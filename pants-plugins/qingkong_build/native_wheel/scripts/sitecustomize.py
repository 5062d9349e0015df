"""Loads the hook in every Python process of a native wheel's build.

Build back ends such as poetry-core run the package's build script in a process of its own;
this file is on their PYTHONPATH.
"""

import native_wheel_hook

native_wheel_hook.install()
