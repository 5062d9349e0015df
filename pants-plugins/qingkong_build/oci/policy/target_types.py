"""The fields of `image_policy`."""

from __future__ import annotations

from pants.core.goals.test import TestTimeoutField
from pants.engine.target import (
    COMMON_TARGET_FIELDS,
    Dependencies,
    DictStringToStringField,
    IntField,
    MultipleSourcesField,
    StringField,
    StringSequenceField,
    Target,
    ValidNumbers,
)
from pants.util.strutil import help_text

from qingkong_build.oci.layout.rules import ImageField
from qingkong_build.python_lock.lockfile_dependencies import (
    DevelopmentResolvesMixin,
    ShippedResolvesMixin,
)


class ImagePolicyImageField(ImageField):
    pass


class ImagePolicyExtraRulesField(MultipleSourcesField):
    alias = "extra_rules"
    default = ()
    uses_source_roots = False
    expected_file_extensions = (".py",)
    help = help_text(
        """
        Python files with rules of your own, beside those that come along; see docs/image-policy.md.
        They may import the standard library, `policy_rule` and `image_view`.
        """
    )


class ImagePolicyWaiversField(DictStringToStringField):
    alias = "waivers"
    help = help_text(
        """
        What is let pass, with the reason, e.g.
        `{"QK-IMG-010": "Our supervisor ends the server by SIGINT, which it knows."}`, or of some
        files only: `"QK-IMG-007:app/shop/example_*"`, where `*` matches `/` too. A reason of a word
        or two is refused, and so is a waiver that nothing needs.
        """
    )


class ImagePolicyBaseLayersField(IntField):
    alias = "base_layers"
    valid_numbers = ValidNumbers.positive_and_zero
    help = help_text(
        """
        How many layers are those of the base image, for images whose manifest does not say so by
        the annotation `io.qingkong.image.base-layers`. What is on top of them is judged as ours.
        """
    )


class ImagePolicyProductionResolvesField(ShippedResolvesMixin, StringSequenceField):
    alias = "production_resolves"
    help = help_text(
        "The resolves whose distributions may be in the image. Default: "
        "`[production-closure].resolves`."
    )


class ImagePolicyDevelopmentResolvesField(DevelopmentResolvesMixin, StringSequenceField):
    alias = "development_resolves"
    help = help_text(
        "The resolves whose distributions may not be in the image, unless they are in a resolve of "
        "`production_resolves` too. Default: `[production-closure].development_resolves`."
    )


class ImagePolicyProfileField(StringField):
    alias = "profile"
    valid_choices = ("service", "worker", "command")
    default = "service"
    value: str
    help = help_text(
        """
        What the image runs. A `service` listens on a port and has a health check. A `worker` runs
        until it is stopped, and need not have either. A `command` ends by itself, and need not name
        a stop signal either. What an image has of these is judged all the same.
        """
    )


class ImagePolicyTimeoutField(TestTimeoutField):
    pass


class ImagePolicyTarget(Target):
    alias = "image_policy"
    core_fields = (
        *COMMON_TARGET_FIELDS,
        Dependencies,
        ImagePolicyImageField,
        ImagePolicyProfileField,
        ImagePolicyExtraRulesField,
        ImagePolicyWaiversField,
        ImagePolicyBaseLayersField,
        ImagePolicyProductionResolvesField,
        ImagePolicyDevelopmentResolvesField,
        ImagePolicyTimeoutField,
    )
    help = help_text(
        "A test of an image by numbered rules, on its OCI layout: neither an engine nor a "
        "container is needed."
    )
