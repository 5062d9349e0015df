from __future__ import annotations

from qingkong_build.python_lock.target_platform import TargetPlatform

AMD64 = TargetPlatform("linux/amd64", (3, 12), (2, 36))
ARM64 = TargetPlatform("linux/arm64", (3, 12), (2, 36))


def test_tags_of_amd64() -> None:
    tags = [str(tag) for tag in AMD64.tags()]
    wanted = [
        "cp312-cp312-manylinux_2_36_x86_64",
        "cp312-cp312-manylinux_2_17_x86_64",
        "cp312-cp312-manylinux2014_x86_64",
        "cp312-cp312-manylinux1_x86_64",
        "cp312-cp312-linux_x86_64",
        "cp312-abi3-manylinux_2_36_x86_64",
        "cp312-none-manylinux_2_36_x86_64",
        "cp39-abi3-manylinux_2_28_x86_64",
        "py3-none-manylinux_2_17_x86_64",
        "py3-none-any",
    ]
    assert [tags.index(tag) for tag in wanted] == sorted(tags.index(tag) for tag in wanted)
    assert not [tag for tag in tags if "2_37" in tag or "aarch64" in tag or "musl" in tag]
    assert not [tag for tag in tags if tag.startswith("cp312-cp311") or "cp313" in tag]


def test_tags_of_arm64() -> None:
    tags = [str(tag) for tag in ARM64.tags()]
    assert "cp312-cp312-manylinux2014_aarch64" in tags
    assert "py3-none-any" in tags
    assert not [tag for tag in tags if "x86_64" in tag or "2_16" in tag or "manylinux1_" in tag]


def test_markers() -> None:
    """Every variable of PEP 508 has a value that is not taken from this machine."""
    environment = ARM64.marker_environment()
    assert sorted(environment) == [
        "implementation_name",
        "implementation_version",
        "os_name",
        "platform_machine",
        "platform_python_implementation",
        "platform_release",
        "platform_system",
        "platform_version",
        "python_full_version",
        "python_version",
        "sys_platform",
    ]
    assert environment["platform_machine"] == "aarch64"
    assert environment["python_version"] == "3.12"


def test_it_says_what_it_is() -> None:
    assert str(AMD64) == "linux/amd64 with CPython 3.12 and glibc 2.36"
