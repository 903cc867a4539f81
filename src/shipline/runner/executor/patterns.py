"""What the config allows: images, services and pull policies. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from shipline.runner.failure import misconfigured


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    """A doublestar glob: `*` stays within a path's part, `**` does not."""
    made = ""
    for part in re.findall(r"\*\*/|\*\*|\*|\?|\{[^{}]*\}|[^*?{]+|\{", pattern):
        if part == "**/":
            made += "(?:.*/)?"
        elif part == "**":
            made += ".*"
        elif part == "*":
            made += "[^/]*"
        elif part == "?":
            made += "[^/]"
        elif part.startswith("{") and part.endswith("}"):
            made += "(?:" + "|".join(map(re.escape, part[1:-1].split(","))) + ")"
        else:
            made += re.escape(part)
    return re.compile(made)


def matches(image: str, patterns: Sequence[str]) -> bool:
    """`image` as it is written; one without a tag is also tried with `:latest`."""
    tagged = ":" in image.rpartition("/")[2]
    names = (image,) if tagged else (image, f"{image}:latest")
    return any(_compiled(pattern).fullmatch(name) for pattern in patterns for name in names)


def check_allowed(image: str, kind: str, allowed: Sequence[str], own: Sequence[str]) -> None:
    """Raises JobFailed. `kind` is image or service; `own` is what the config itself names."""
    if not allowed or image in own or matches(image, allowed):
        return
    raise misconfigured(f"the {kind} {image!r} is not allowed on this runner; allowed: {', '.join(allowed)}")


def is_privileged(image: str, privileged: bool, patterns: Sequence[str]) -> bool:
    return privileged and (not patterns or matches(image, patterns))


def effective_policies(
    wanted: Sequence[str], configured: Sequence[str], allowed: Sequence[str], image: str
) -> tuple[str, ...]:
    """The job's policies that are allowed, or the config's. Raises JobFailed when none is left."""
    policies = tuple(wanted) or tuple(configured) or ("always",)
    kept = tuple(policy for policy in policies if policy in (allowed or configured or ("always",)))
    if not kept:
        may = ", ".join(allowed or configured)
        raise misconfigured(
            f"the pull policy {', '.join(policies)} of {image} is not allowed on this runner; allowed: {may}"
        )
    return kept
