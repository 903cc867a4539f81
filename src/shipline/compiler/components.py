"""CI/CD components: addresses, where their files lie, and which release a version stands for. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

LATEST = "~latest"
_PARTIAL = re.compile(r"\d+(\.\d+)?")
_SEMVER = re.compile(r"v?(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?")


@dataclass(frozen=True, slots=True)
class Address:
    """`host/project/name@version`."""

    host: str
    project: str
    name: str
    version: str


def parse_address(text: str) -> Address | None:
    """None for what is not the address of a component."""
    path, at, version = text.partition("@")
    host, _, rest = path.partition("/")
    project, _, name = rest.rpartition("/")
    if not (at and version and host and project and name) or project.startswith("/"):
        return None
    return Address(host, project, name, version)


def files_of(name: str) -> tuple[str, str]:
    """Where a component's file may lie in its project, the first that is there counts."""
    return f"templates/{name}.yml", f"templates/{name}/template.yml"


def is_release_range(version: str) -> bool:
    """`~latest`, `1` and `1.2` stand for the newest release that they cover."""
    return version == LATEST or _PARTIAL.fullmatch(version) is not None


def newest_release(version: str, tags: Iterable[str]) -> str | None:
    """The tag of the newest release in a range, pre-releases aside."""
    wanted = [] if version == LATEST else [int(part) for part in version.split(".")]
    releases = []
    for tag in tags:
        match = _SEMVER.fullmatch(tag)
        if match is not None and match[4] is None:
            numbers = [int(match[1]), int(match[2]), int(match[3])]
            if numbers[: len(wanted)] == wanted:
                releases.append((numbers, tag))
    return max(releases)[1] if releases else None
