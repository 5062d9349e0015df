"""What code asks for of the lockfile of a resolve."""

from __future__ import annotations

from collections.abc import Iterable

from pants.backend.python.subsystems.setup import PythonSetup
from pants.backend.python.target_types import PythonRequirementResolveField, PythonRequirementsField
from pants.engine.target import Target


def requirements_of(
    targets: Iterable[Target], resolve: str, python_setup: PythonSetup
) -> tuple[str, ...]:
    """The requirements of `resolve` among `targets`, sorted; those of others install nothing."""
    return tuple(
        sorted(
            {
                str(requirement)
                for target in targets
                if target.has_field(PythonRequirementsField)
                and target[PythonRequirementResolveField].normalized_value(python_setup) == resolve
                for requirement in target[PythonRequirementsField].value
            }
        )
    )
