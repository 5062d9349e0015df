"""The platforms that a wheel can be built for, whatever the machine that builds."""

from __future__ import annotations

from pants.engine.platform import Platform

#: OCI's name of each platform, and Linux's of its processor.
MACHINES = {"linux/amd64": "x86_64", "linux/arm64": "aarch64"}
#: The name of each platform that Pants runs on.
BUILDING = {Platform.linux_x86_64: "linux/amd64", Platform.linux_arm64: "linux/arm64"}


def other_platform(wanted: str | None, building: Platform) -> str | None:
    """`wanted`, if it takes a cross compiler; None where the machine's own compiler makes it."""
    return None if wanted == BUILDING.get(building) else wanted
