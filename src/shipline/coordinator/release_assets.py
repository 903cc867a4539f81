"""Links of a release: assets that lie elsewhere, and which of them may be. Pure. The rules are GitLab's."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

NAME_LIMIT, URL_LIMIT, FILEPATH_LIMIT, LINKS_LIMIT = 255, 2048, 128, 100
LINK_TYPES = ("other", "runbook", "image", "package")
_SCHEMES = ("http", "https", "ftp")
_FILEPATH = re.compile(r"/(?:[\w.-]+/)*[\w.-]*[0-9a-zA-Z]", re.ASCII)
_UNFIT = re.compile(r"[\x00-\x20]")


@dataclass(frozen=True, slots=True)
class Link:
    name: str
    url: str
    filepath: str = ""
    link_type: str = "other"


def link_problem(link: Link) -> str:
    """Why the link cannot be; empty when it can."""
    if not link.name or len(link.name) > NAME_LIMIT:
        return f"Links name must have 1 to {NAME_LIMIT} characters"
    if not _is_address(link.url):
        return f"Links url must be a valid address, of {', '.join(_SCHEMES)}"
    if link.filepath and (len(link.filepath) > FILEPATH_LIMIT or not _FILEPATH.fullmatch(link.filepath)):
        return "Links filepath is in an invalid format: it begins with / and ends with a letter or digit"
    if link.link_type not in LINK_TYPES:
        return f"Links link_type does not have a valid value: {', '.join(LINK_TYPES)}"
    return ""


def _is_address(text: str) -> bool:
    if len(text) > URL_LIMIT or _UNFIT.search(text):
        return False
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in _SCHEMES and bool(parts.hostname)


def links_problem(links: Sequence[Link]) -> str:
    """Why these cannot be together; empty when they can."""
    if len(links) > LINKS_LIMIT:
        return f"Links are too many: at most {LINKS_LIMIT}"
    for field in ("name", "url", "filepath"):
        given = [value for link in links if (value := getattr(link, field))]
        if twice := sorted({value for value in given if given.count(value) > 1}):
            return f"Links have duplicate values ({', '.join(twice)})"
    return next((problem for problem in map(link_problem, links) if problem), "")
