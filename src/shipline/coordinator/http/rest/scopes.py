"""Which calls a token opens: by its scopes, or because it is a job's. Pure: method and path in.

The scopes are GitLab's (documentation of personal access tokens), and so is the list of what a job's token opens
(documentation of CI/CD job tokens).
"""

from __future__ import annotations

import re

ROOT = "/api/v4"
_READ = ("GET", "HEAD")
_PROJECT = r"/projects/[^/]+"
# Beside `api`, and `read_api` for what only reads: method or methods, path, scopes.
_ALSO: tuple[tuple[tuple[str, ...], re.Pattern[str], frozenset[str]], ...] = tuple(
    (methods, re.compile(path), frozenset(scopes))
    for methods, path, scopes in (
        (_READ, r"/users?(/\d+)?", {"read_user"}),
        (_READ, rf"{_PROJECT}/repository/files/.+/raw", {"read_repository"}),
        (_READ, rf"{_PROJECT}/repository/archive.*", {"read_repository"}),
        (("POST",), r"/user/runners", {"create_runner"}),
        (("PUT", "DELETE"), r"/runners/\d+", {"manage_runner"}),
        (("POST",), r"/runners/\d+/reset_authentication_token", {"manage_runner"}),
        (_READ, r"/runners(/.*)?", {"manage_runner"}),
        (("POST",), r"/personal_access_tokens/self/rotate", {"self_rotate"}),
        (("POST",), r"/(projects|groups)/[^/]+/access_tokens/self/rotate", {"self_rotate"}),
    )
)
# Every token may ask what it is, and end itself.
_ANY = ((*_READ, "DELETE"), re.compile(r"/personal_access_tokens/self"))
_JOB: tuple[tuple[tuple[str, ...], re.Pattern[str]], ...] = tuple(
    (methods, re.compile(path))
    for methods, path in (
        (_READ, r"/job(/.*)?"),
        (_READ, rf"{_PROJECT}/jobs/\d+/artifacts(/.*)?"),
        (_READ, rf"{_PROJECT}/jobs/artifacts/.+"),
        ((*_READ, "POST", "PUT", "DELETE"), rf"{_PROJECT}/(environments|deployments|releases)(/.*)?"),
        ((*_READ, "POST", "PUT", "DELETE"), rf"{_PROJECT}/packages(/.*)?"),
        (("PUT",), rf"{_PROJECT}/pipelines/\d+/metadata"),
        (("POST",), rf"{_PROJECT}/(ref/.+/)?trigger/pipeline"),
    )
)


def opening(method: str, path: str) -> frozenset[str]:
    """The scopes of which a token needs one. `path` begins with ROOT; empty: any token will do."""
    rest = path.removeprefix(ROOT)
    if method in _ANY[0] and _ANY[1].fullmatch(rest):
        return frozenset()
    found = {"api", "read_api"} if method in _READ else {"api"}
    for methods, pattern, scopes in _ALSO:
        if method in methods and pattern.fullmatch(rest):
            found |= scopes
    return frozenset(found)


def open_to_jobs(method: str, path: str) -> bool:
    rest = path.removeprefix(ROOT)
    return any(method in methods and pattern.fullmatch(rest) for methods, pattern in _JOB)
