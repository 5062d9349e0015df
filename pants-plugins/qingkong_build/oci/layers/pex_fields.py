"""The fields of an image that say which layers its `pex_binary` becomes."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pants.engine.addresses import Address
from pants.engine.target import (
    AsyncFieldMixin,
    DictStringToStringSequenceField,
    SpecialCasedDependencies,
    StringField,
)
from pants.util.frozendict import FrozenDict
from pants.util.strutil import help_text

from qingkong_build.oci.layers.pex_groups import is_automatic
from qingkong_build.oci.layers.target_types import LayerBytecodeField
from qingkong_build.oci.layout.field_error import invalid

_NAME = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*")


class PexField(AsyncFieldMixin, StringField):
    alias = "pex"
    help = help_text(
        """
        A `pex_binary` whose parts become layers above those of `layers`: its requirements, in
        groups by size and rate of change; one layer for each wheel that is built in this
        repository; and its sources, in `/app`. The PEX itself is not built.

        The image starts what the PEX would, unless it has an `entrypoint` of its own (`[]` for
        none), and has the PEX's `env`; `workdir` is `/app`, and `PYTHONPATH` has it. Requirements
        are where the official images of Python install them.
        """
    )


class PexLayersField(DictStringToStringSequenceField):
    alias = "pex_layers"
    help = help_text(
        """
        Layers for requirements of the `pex` that change together, the lowest first:
        `{"requirements-web": ["fastapi", "starlette"]}`, by the names of distributions. They are
        below those that requirements in none of them share by size and rate of change.
        """
    )

    @classmethod
    def compute_value(
        cls, raw_value: dict[str, Iterable[str]] | None, address: Address
    ) -> FrozenDict[str, tuple[str, ...]] | None:
        value = super().compute_value(raw_value, address)
        for name, distributions in (value or {}).items():
            if not _NAME.fullmatch(name):
                raise invalid(
                    *(cls.alias, address, name, "it is no name of a layer"),
                    "write lower-case letters, digits and hyphens, e.g. requirements-web",
                )
            if is_automatic(name):
                raise invalid(
                    *(cls.alias, address, name, "a layer that is made without you has this name"),
                    "choose another, e.g. requirements-web",
                )
            if not distributions:
                raise invalid(
                    *(cls.alias, address, name, "the layer would be empty"),
                    "name distributions, or remove it",
                )
        return value


class PexOtherPlatformsField(SpecialCasedDependencies):
    alias = "pex_other_platforms"
    help = help_text(
        """
        `native_wheel` targets with a `platform`, for an image with `platforms`: each takes the
        place of the wheel of the same project that the `pex` depends on. They are built for such
        an image and at no other time, so that no one else needs a compiler for them.
        """
    )


class PexBytecodeField(LayerBytecodeField):
    alias = "pex_bytecode"
    help = help_text(
        """
        `unchecked-hash` compiles each Python file of the layers of the `pex`, so that no start of
        a container has to. The files are those of PEP 552 that the interpreter takes without a
        look at the source: the same bytes for the same source, right for an image whose files
        no one edits.
        """
    )


PEX_FIELDS = (PexField, PexLayersField, PexOtherPlatformsField, PexBytecodeField)
