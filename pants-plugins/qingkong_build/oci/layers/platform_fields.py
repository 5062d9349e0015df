"""From fields of a layer to the platform that its wheels are for."""

from __future__ import annotations

from pants.backend.python.subsystems.setup import PythonSetup
from pants.backend.python.target_types import InterpreterConstraintsField
from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.engine.addresses import Address
from pants.engine.target import InvalidFieldException

from qingkong_build.oci.layers.target_types import LayerGlibcField
from qingkong_build.python_lock.target_platform import TargetPlatform


def target_platform(
    address: Address,
    platform: str,
    glibc: LayerGlibcField,
    interpreter: InterpreterConstraintsField,
    python_setup: PythonSetup,
) -> TargetPlatform:
    """The platform `platform`, e.g. `linux/amd64`, with the glibc and the Python of the fields."""
    constraints = InterpreterConstraints(interpreter.value_or_global_default(python_setup))
    versions = constraints.partition_into_major_minor_versions(
        python_setup.interpreter_versions_universe
    )
    if len(versions) != 1:
        raise InvalidFieldException(
            f"The {interpreter.alias!r} field in target {address} (or [python]."
            f"interpreter_constraints) is {str(constraints)!r}, which holds for "
            f"{', '.join(versions) or 'no version'}, but an image has one Python. Write e.g. "
            "['CPython==3.12.*']."
        )
    major, minor = versions[0].split(".")
    return TargetPlatform(platform, (int(major), int(minor)), glibc.version)
