from __future__ import annotations

from django.conf import settings
from django.db import models

from shipline.coordinator.models.project import Project


class MergeRequest(models.Model):
    """`state` is opened, closed or merged. `sha` is the head of the source branch as it was seen last,
    `versions` how often that has changed."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="merge_requests")
    iid = models.IntegerField()
    title = models.CharField(max_length=255)
    description = models.TextField(default="", blank=True)
    source_branch = models.CharField(max_length=255)
    target_branch = models.CharField(max_length=255)
    state = models.CharField(max_length=8, default="opened")
    sha = models.CharField(max_length=64)
    versions = models.IntegerField(default=1)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    merged_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    merge_commit_sha = models.CharField(max_length=64, default="", blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    merged_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["project", "iid"], name="one_merge_request_iid"),)
        indexes = (models.Index(fields=["project", "state", "source_branch"], name="of_source_branch"),)
