from __future__ import annotations

from django.conf import settings
from django.db import models

from shipline.coordinator.models.project import Project


class PendingPush(models.Model):
    """A push that was allowed, and whose pipelines are not all made yet. `updates` are those refs that are left,
    as [old, new, name]; `token_hash` is of the token that its hooks have."""

    project = models.ForeignKey(Project, models.CASCADE)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True)
    token_hash = models.CharField(max_length=64, unique=True)
    updates = models.JSONField(default=list)
    options = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)
