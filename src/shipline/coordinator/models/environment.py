from __future__ import annotations

from django.db import models

from shipline.coordinator.models.project import Project


class Environment(models.Model):
    """Where jobs deploy to. `slug` is the name as part of a host name; it never changes. `state` is available,
    stopping or stopped; at `auto_stop_at` it is stopped without anybody's doing."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="environments")
    name = models.CharField(max_length=255)
    slug = models.CharField(max_length=24)
    external_url = models.CharField(max_length=255, default="", blank=True)
    state = models.CharField(max_length=10, default="available")
    tier = models.CharField(max_length=12)
    description = models.TextField(default="", blank=True)
    auto_stop_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["project", "name"], name="one_environment"),
            models.UniqueConstraint(fields=["project", "slug"], name="one_environment_slug"),
        )
        indexes = (models.Index(fields=["state", "auto_stop_at"], name="to_be_stopped"),)
