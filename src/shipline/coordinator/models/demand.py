"""The column that holds `coordinator/demand.py`'s word."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import models

from shipline.coordinator.demand import word_of

if TYPE_CHECKING:
    _Text = models.CharField[str, str]
else:
    _Text = models.CharField


class DemandField(_Text):
    """Written when a job is made, whoever makes it; nothing that it is made of changes afterwards."""

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        if add:
            job: Any = model_instance
            found = word_of(job.project_id, job.pipeline.protected, job.definition.get("tags") or ())
            setattr(job, self.attname, found)
        return super().pre_save(model_instance, add)
