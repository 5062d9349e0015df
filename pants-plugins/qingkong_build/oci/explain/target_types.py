"""The `image_explanation` target."""

from __future__ import annotations

from pants.engine.target import COMMON_TARGET_FIELDS, Dependencies, Target
from pants.util.strutil import help_text


class ImageExplanationDependenciesField(Dependencies):
    required = True
    help = help_text("The images or layers to explain: every layer that they depend on is.")


class ImageExplanationTarget(Target):
    alias = "image_explanation"
    core_fields = (*COMMON_TARGET_FIELDS, ImageExplanationDependenciesField)
    help = help_text(
        """
        Prints why each distribution is in the layers of an image, its size there and its license:
        `pants run` it, with `-- --json` or `-- NAME`. Nothing but the layers with distributions is
        built for it, and no engine is asked.

        With `-- --html FILE`, it writes a page that shows the layers of the image and what is in
        them, by size. The image is built for that.
        """
    )
