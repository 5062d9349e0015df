"""More names for one image: `docker build --tag A --tag B`.

Pants' own `image_tags` and `DockerImageTagsRequest` only vary what follows the colon, and
`repository=parametrize(...)` builds twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pants.backend.docker.target_types import (
    DockerBuildOptionFieldMixin,
    DockerImageTarget,
    OptionValueFormatter,
)
from pants.engine.rules import collect_rules
from pants.engine.target import StringSequenceField
from pants.util.strutil import help_text


class DockerImageExtraNamesField(DockerBuildOptionFieldMixin, StringSequenceField):
    alias = "extra_image_names"
    default = ()
    docker_build_option = "--tag"
    help = help_text(
        """
        Further full names, `repository:tag`, for the same image id, given to the one build.

        They are local names: `docker-info.json` and `pants publish` know only those of
        `repository` and `image_tags`.
        """
    )

    def option_values(self, *, value_formatter: OptionValueFormatter) -> Iterator[str]:
        for name in self.value or ():
            yield value_formatter(name)


def rules() -> Iterable[object]:
    return (
        *collect_rules(),
        DockerImageTarget.register_plugin_field(DockerImageExtraNamesField),
    )
