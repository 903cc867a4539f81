"""What a job asks of the runner that may have it, as one word: all pending jobs with the same word are alike to
every runner, however many they are."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import models

if TYPE_CHECKING:
    _Text = models.CharField[str, str]
else:
    _Text = models.CharField
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


class DemandField(_Text):
    """Written when a job is made, whoever makes it; nothing that it is made of changes afterwards."""

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        if add:
            job: Any = model_instance
            found = word_of(job.project_id, job.pipeline.protected, job.definition.get("tags") or ())
            setattr(job, self.attname, found)
        return super().pre_save(model_instance, add)
