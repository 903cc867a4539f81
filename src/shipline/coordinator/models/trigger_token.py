from __future__ import annotations

from django.conf import settings
from django.db import models

from shipline.coordinator.models.project import Project


class TriggerToken(models.Model):
    """Whoever has the token may start pipelines of the project in its owner's name. Only its hash is kept."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="trigger_tokens")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE)
    description = models.CharField(max_length=255)
    token_hash = models.CharField(max_length=64, unique=True)
    short_token = models.CharField(max_length=16)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    last_used = models.DateTimeField(null=True)
