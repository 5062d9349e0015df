"""What an image is on top of, which says what its layers need not hold."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from pants.engine.addresses import Address, UnparsedAddressInputs
from pants.engine.rules import Get, collect_rules, rule
from pants.engine.target import AsyncFieldMixin, StringField, Target, Targets
from pants.util.strutil import help_text

from qingkong_build.oci.layout.field_error import invalid
from qingkong_build.oci.layout.rules import addresses_in

#: What a base begins with that is a path.
DOCKER_ARCHIVE = "docker-archive:"
OCI_LAYOUT = "oci:"


def is_address(base: str) -> bool:
    """Whether a base is the address of a target, and not the name of an image from elsewhere."""
    return base.startswith((":", "//"))


def is_path(base: str) -> bool:
    """Whether a base is a file or directory, and not the name of an image."""
    return base.startswith((DOCKER_ARCHIVE, OCI_LAYOUT))


class BaseField(AsyncFieldMixin, StringField):
    alias = "base"
    required = True
    value: str
    help = help_text(
        """
        What the image is on top of:

        - a reference, as `python:3.12-slim-bookworm` or `registry.example/python@sha256:...`;
        - `oci:/path` of a layout, or `docker-archive:/path` of `docker save`;
        - the address of another `oci_image`, as `:parent` or `//images:parent`: what its `pex`
          installs is not repeated above it.
        """
    )

    @classmethod
    def compute_value(cls, raw_value: str | None, address: Address) -> str:
        value = super().compute_value(raw_value, address)
        assert value is not None
        if not value or re.search(r"\s", value):
            raise invalid(
                *(cls.alias, address, value, "it names no image"),
                'write e.g. base="python:3.12-slim-bookworm"',
            )
        return value


@dataclass(frozen=True)
class ParentRequest:
    """For `image`, an `oci_image`."""

    image: Target


@dataclass(frozen=True)
class Parent:
    """The image of this repository that is the base of another; None for one from elsewhere."""

    image: Target | None


# Before the rule that calls it: Pants reads the `Get`s of helpers that it has already seen.
async def _base_of(image: Target) -> Target | None:
    address, base = image.address, image[BaseField].value
    if not is_address(base):
        return None
    found = await Get(
        Targets, UnparsedAddressInputs, addresses_in(address, BaseField.alias, (base,))
    )
    parent = found.expect_single()
    if not parent.has_field(BaseField):
        raise invalid(
            *(BaseField.alias, address, base, f"{parent.address} is no `oci_image`"),
            "name one, or an image from elsewhere",
        )
    return parent


@rule
async def find_parent(request: ParentRequest) -> Parent:
    address, base = request.image.address, request.image[BaseField].value
    parent = await _base_of(request.image)
    # Here, as Pants waits forever for a rule that asks for itself.
    below, lineage = parent, [address]
    while below is not None:
        if below.address in lineage:
            way = " -> ".join(str(each) for each in (*lineage, below.address))
            raise invalid(
                *(BaseField.alias, address, base, f"an image is on top of itself ({way})"),
                "name an image that is not on top of this one",
            )
        lineage.append(below.address)
        below = await _base_of(below)
    return Parent(parent)


def rules() -> Iterable[object]:
    return collect_rules()
