from __future__ import annotations

from django.conf import settings
from django.db import models

from shipline.coordinator.models.project import Project


class PipelineSchedule(models.Model):
    """Pipelines at times that `cron` says, by the clock of `cron_timezone`. `ref` is a branch or tag, whole or
    short. `variables` and `inputs` are for each of its pipelines. `next_run_at` None: never."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="schedules")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True)
    description = models.CharField(max_length=255)
    ref = models.CharField(max_length=255)
    cron = models.CharField(max_length=255)
    cron_timezone = models.CharField(max_length=64, default="UTC")
    active = models.BooleanField(default=True)
    variables = models.JSONField(default=list)
    inputs = models.JSONField(default=dict)
    next_run_at = models.DateTimeField(null=True)
    last_problem = models.CharField(max_length=1000, default="", blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        indexes = (models.Index(fields=["active", "next_run_at"], name="due"),)
