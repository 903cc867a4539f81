"""Keys of caches: as a job writes them, as folders on the machine, as objects in a store. Pure."""

from __future__ import annotations

import hashlib
import posixpath
import re
from dataclasses import dataclass

from shipline.protocols.runner_api import JobCache, JobPayload
from shipline.runner.config_file import CacheSection
from shipline.runner.variables import Variables

ARCHIVE = "cache.zip"
LENGTH_LIMIT = 255
PROTECTED = "-protected"


@dataclass(frozen=True, slots=True)
class Cache:
    """One entry of `cache`, its variables replaced. `keys`: its own first, then those to fall back on."""

    keys: tuple[str, ...]
    paths: tuple[str, ...]
    untracked: bool
    policy: str
    when: str

    @property
    def is_pulled(self) -> bool:
        return self.policy in ("pull", "pull-push", "")

    @property
    def is_pushed(self) -> bool:
        return self.policy in ("push", "pull-push", "")


def job_caches(payload: JobPayload, variables: Variables) -> tuple[list[Cache], list[str]]:
    """The caches, and lines for the log about those that cannot be."""
    found: list[Cache] = []
    warnings: list[str] = []
    hashed = variables.truth("FF_HASH_CACHE_KEYS")
    for one in payload.cache:
        if not one.paths and not one.untracked:
            continue
        keys = _keys(one, payload, variables, hashed, warnings)
        if keys:
            found.append(
                Cache(
                    keys,
                    tuple(variables.expand(path) for path in one.paths),
                    one.untracked,
                    variables.expand(one.policy),
                    one.when,
                )
            )
    return found, warnings


def _keys(
    one: JobCache, payload: JobPayload, variables: Variables, hashed: bool, warnings: list[str]
) -> tuple[str, ...]:
    own = variables.expand(one.key) or f"{payload.job_info.name}/{payload.git_info.ref}"
    last = variables.get("CACHE_FALLBACK_KEY")
    if last.rstrip(". ").endswith(PROTECTED):
        # Who may push to an unprotected ref could else read what is meant for protected ones.
        warnings.append(f"CACHE_FALLBACK_KEY {last!r} not allowed to end in {PROTECTED!r}")
        last = ""
    keys: list[str] = []
    for written in [own, *(variables.expand(key) for key in one.fallback_keys), last]:
        key = sanitized(written)
        if key is None:
            if written.strip():
                warnings.append(f"cache key {written!r} cannot be used")
            if written is own:
                return ()
            continue
        keys.append(hashlib.sha256(key.encode()).hexdigest() if hashed else key)
    return tuple(dict.fromkeys(keys))


def sanitized(key: str) -> str | None:
    """A key as a path that leads nowhere else; None when nothing is left of it."""
    key = re.sub(r"%2f", "/", re.sub(r"%2e", ".", key, flags=re.IGNORECASE), flags=re.IGNORECASE)
    key = re.sub(r"[\x00-\x1f\x7f]", "_", key.replace("\\", "/"))
    parts: list[str] = []
    for part in key.split("/"):
        if part == "..":
            parts[-1:] = []
        elif part.strip(" .") or part.strip() not in ("", "."):
            parts.append(part)
    made = "/".join(parts).rstrip(". ").strip()
    if (
        not made
        or len(made.encode()) > 4 * LENGTH_LIMIT
        or any(len(p.encode()) > LENGTH_LIMIT for p in parts)
    ):
        return None
    return made


def file_of(folder: str, key: str) -> str:
    """The archive on the machine."""
    return posixpath.join(folder, key, ARCHIVE)


def object_of(cache: CacheSection, short_token: str, project: int, key: str) -> str:
    """The object's name in the store."""
    prefix = [part for part in cache.path.strip("/").split("/") if part]
    runner = [] if cache.shared else ["runner", short_token]
    return "/".join([*prefix, *runner, "project", str(project), key])
