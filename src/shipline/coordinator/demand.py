"""What a job asks of the runner that may have it, as one word: all pending jobs with the same word are alike to
every runner, however many they are. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass

# An index of PostgreSQL takes less than 2,700 bytes an entry.
TAGS_LIMIT = 600


@dataclass(frozen=True, slots=True)
class Demand:
    """`tags` None: they were too long for the word, which has their digest in place of them."""

    project_id: int
    protected: bool
    tags: tuple[str, ...] | None


def word_of(project_id: int, protected: bool, tags: Iterable[str]) -> str:
    """`protected`: the job's ref is. The order of tags, and a tag that stands twice, make no difference."""
    text = json.dumps(sorted(set(tags)), separators=(",", ":"))
    if len(text) > TAGS_LIMIT:
        text = "#" + hashlib.sha256(text.encode()).hexdigest()
    return f"{project_id}:{'protected' if protected else ''}:{text}"


def read(word: str) -> Demand:
    """The opposite of `word_of`."""
    project, protected, text = word.split(":", 2)
    return Demand(int(project), bool(protected), None if text.startswith("#") else tuple(json.loads(text)))
