from __future__ import annotations

import pytest
from pants.backend.docker.goals.package_image import (
    DockerImageOptionValueError,
    DockerPackageFieldSet,
    get_build_options,
)
from pants.backend.docker.target_types import DockerImageTarget
from pants.backend.docker.util_rules.docker_build_args import DockerBuildArgs
from pants.backend.docker.util_rules.docker_build_context import DockerBuildContext
from pants.backend.docker.util_rules.docker_build_env import DockerBuildEnvironment
from pants.engine.addresses import Address
from pants.engine.fs import EMPTY_DIGEST
from pants.engine.unions import UnionMembership, UnionRule
from pants.util.value_interpolation import InterpolationContext

from image_layer import image_names


def build_options(*names: str) -> list[str]:
    """The arguments that Pants gives `docker build` for an image with `extra_image_names`."""
    target = DockerImageTarget(
        {"extra_image_names": names},
        Address("deploy", target_name="image"),
        UnionMembership.from_rules(
            rule for rule in image_names.rules() if isinstance(rule, UnionRule)
        ),
    )
    context = DockerBuildContext(
        build_args=DockerBuildArgs(),
        digest=EMPTY_DIGEST,
        build_env=DockerBuildEnvironment.create({}),
        upstream_image_ids=(),
        dockerfile="deploy/Dockerfile",
        interpolation_context=InterpolationContext.from_dict({"build_args": {"PY": "3.12"}}),
        copy_source_vs_context_source=(),
        stages=(),
    )
    options = list(get_build_options(context, DockerPackageFieldSet.create(target), None, target))
    tags = [number for number, option in enumerate(options) if option == "--tag"]
    return [options[number + 1] for number in tags]


def test_no_extra_names() -> None:
    assert build_options() == []


def test_each_name_is_a_tag() -> None:
    assert build_options("fastapp:latest-py3.12", "other:1") == ["fastapp:latest-py3.12", "other:1"]


def test_names_take_values_of_the_build() -> None:
    assert build_options("fastapp:latest-py{build_args.PY}") == ["fastapp:latest-py3.12"]


def test_unknown_value() -> None:
    with pytest.raises(DockerImageOptionValueError) as error:
        build_options("fastapp:{build_args.PYTHON}")
    assert "extra_image_names" in str(error.value)
    assert "deploy:image" in str(error.value)
