from __future__ import annotations

from django.conf import settings
from django.db import models

from shipline.coordinator.models.project import Project


class CommitStatus(models.Model):
    """What another system says of a commit. `name` is that system's, and says one thing at a time."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="commit_statuses")
    sha = models.CharField(max_length=64)
    ref = models.CharField(max_length=255)
    name = models.CharField(max_length=255)
    status = models.CharField(max_length=16)
    target_url = models.CharField(max_length=255, default="", blank=True)
    description = models.CharField(max_length=255, default="", blank=True)
    coverage = models.FloatField(null=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["project", "sha", "ref", "name"], name="one_commit_status"),
        )
