from __future__ import annotations

from django.conf import settings
from django.db import models

from shipline.coordinator.models.group import Group
from shipline.coordinator.models.project import Project


class PersonalAccessToken(models.Model):
    """A user's token. Only its hash is kept. With `project` or `group` it is that one's access token, and its
    user a bot, made for it."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="access_tokens")
    project = models.ForeignKey(Project, models.CASCADE, null=True, related_name="access_tokens")
    group = models.ForeignKey(Group, models.CASCADE, null=True, related_name="access_tokens")
    name = models.CharField(max_length=255)
    description = models.CharField(max_length=255, default="", blank=True)
    token_hash = models.CharField(max_length=64, unique=True)
    scopes = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True)
    revoked = models.BooleanField(default=False)
    last_used_at = models.DateTimeField(null=True)
