from __future__ import annotations

from django.conf import settings
from django.db import models

from shipline.coordinator.models.project import Project


class Pipeline(models.Model):
    """`errors` are the problems of an invalid configuration, as the compiler gives them. `predefined` are the
    variables that were known when it was created, `variables` those that it was started with. `protected`: its
    ref was protected then. `ref_type` is branch, tag or merge_request (whose ref is a whole one). `upstream_job`
    has started it. `auto_cancel` is what its workflow says. `decisions` say why jobs are in it or are not;
    `reason` why it has ended before it was done."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="pipelines")
    iid = models.IntegerField()
    ref = models.CharField(max_length=255)
    ref_type = models.CharField(max_length=13, default="branch")
    sha = models.CharField(max_length=64)
    before_sha = models.CharField(max_length=64)
    source = models.CharField(max_length=40, default="push")
    status = models.CharField(max_length=20, default="created")
    name = models.CharField(max_length=255, default="", blank=True)
    title = models.CharField(max_length=255, default="", blank=True)
    protected = models.BooleanField(default=False)
    stages = models.JSONField(default=list)
    predefined = models.JSONField(default=list)
    errors = models.JSONField(default=list)
    variables = models.JSONField(default=list)
    auto_cancel = models.JSONField(default=dict)
    decisions = models.JSONField(default=list)
    reason = models.CharField(max_length=255, default="", blank=True)
    upstream_job = models.ForeignKey(
        "coordinator.Job", models.SET_NULL, null=True, related_name="downstream_pipelines"
    )
    schedule = models.ForeignKey(
        "coordinator.PipelineSchedule", models.SET_NULL, null=True, related_name="pipelines"
    )
    merge_request = models.ForeignKey(
        "coordinator.MergeRequest", models.SET_NULL, null=True, related_name="pipelines"
    )
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["project", "iid"], name="one_iid"),)
        indexes = (models.Index(fields=["project", "-id"], name="newest_first"),)
