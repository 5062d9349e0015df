"""What of a `docker_image` target's options can be had without an engine."""

from __future__ import annotations

import pytest

from oci_image.plan import check_context_root, read_options
from oci_image.recipe import NotAssemblable


def test_names_and_labels_are_read() -> None:
    options = ["--tag", "fastapp:1", "--label", "a=b=c", "--pull=False", "--tag", "other:2"]
    assert read_options(options) == (["fastapp:1", "other:2"], {"a": "b=c"})


@pytest.mark.parametrize("option", ["--pull=True", "--secret", "--target", "--squash"])
def test_an_option_of_the_builder_is_named(option: str) -> None:
    with pytest.raises(NotAssemblable, match=f"the option {option} needs a container engine"):
        read_options([option, "value"])


def test_only_the_build_root_is_a_context() -> None:
    check_context_root(".")
    with pytest.raises(NotAssemblable, match="the context root is 'deploy'"):
        check_context_root("deploy")
