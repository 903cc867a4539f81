"""Keys of caches: as written, or made from files of the commit; by GitLab's rules.

`key:files` is SHA-1 over the sorted git object ids of the files' contents, joined by `-`; `key:files_commits` over
the ids of the last commits that changed them. What is not there does not count; nothing there is `default`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from shipline.coordinator.services import services
from shipline.model.definition import Cache


def digest_of(ids: Sequence[str]) -> str:
    """Of object or commit ids, in whatever order and however often each."""
    return hashlib.sha1("-".join(sorted(set(ids))).encode()).hexdigest() if ids else "default"  # noqa: S324


def written_key(cache: Cache, index: int, digest: str) -> str:
    """The key without the suffix of protected refs. `index` is the cache's place in its job."""
    if not (cache.key_files or cache.key_files_commits):
        return cache.key
    prefix = cache.key_prefix
    if not prefix:
        names = [name.partition(".")[0] for name in cache.key_files]
        prefix = "_".join([str(index), *names])
    return f"{prefix}-{digest}"


def with_suffix(key: str, cache: Cache, *, separated: bool, protected: bool) -> str:
    """Jobs of protected and of other refs do not share a cache, unless the project or the job says so: what
    anybody may push must not reach what is deployed."""
    if not separated or cache.unprotect:
        return key
    return f"{key}-{'protected' if protected else 'non_protected'}"


def key_files_of(project_id: int, sha: str, caches: Sequence[Cache]) -> Mapping[int, str]:
    """Index of a cache whose key is made from files -> the digest of these."""
    return {
        index: digest_of(_ids(project_id, sha, cache))
        for index, cache in enumerate(caches)
        if cache.key_files or cache.key_files_commits
    }


def _ids(project_id: int, sha: str, cache: Cache) -> list[str]:
    repositories = services().repositories
    if cache.key_files_commits:
        found = [repositories.last_commit_of(project_id, sha, path) for path in cache.key_files_commits]
        return [one for one in found if one]
    if not any("*" in path for path in cache.key_files):
        return list(repositories.blob_ids(project_id, sha, cache.key_files).values())
    tracked = repositories.tracked(project_id, sha)
    wanted = [path for path in tracked if any(fnmatchcase(path, pattern) for pattern in cache.key_files)]
    return list(repositories.blob_ids(project_id, sha, wanted).values())
