from __future__ import annotations

from django.db import models

from shipline.coordinator.models.project import Project


class Runner(models.Model):
    """`project` None: an instance runner, for all projects. `info` is what it last told about itself."""

    token_hash = models.CharField(max_length=64, unique=True)
    short_token = models.CharField(max_length=12)
    description = models.CharField(max_length=255, default="", blank=True)
    project = models.ForeignKey(Project, models.CASCADE, null=True, related_name="runners")
    tags = models.JSONField(default=list)
    run_untagged = models.BooleanField(default=True)
    protected_only = models.BooleanField(default=False)
    paused = models.BooleanField(default=False)
    maximum_timeout = models.IntegerField(null=True)
    system_id = models.CharField(max_length=64, default="", blank=True)
    info = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)
    contacted_at = models.DateTimeField(null=True)
