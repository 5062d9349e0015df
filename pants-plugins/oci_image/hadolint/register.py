"""Pants' `pants.backend.docker.lint.hadolint`, beside `oci_image`."""

from __future__ import annotations

from collections.abc import Iterable

from pants.backend.docker.lint.hadolint import register as hadolint

from oci_image.upstream import without_replaced


def rules() -> Iterable[object]:
    return tuple(without_replaced(hadolint.rules()))
