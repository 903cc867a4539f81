from __future__ import annotations

from django.db import models

from shipline.coordinator.models.project import Project


class ResourceGroup(models.Model):
    """`holder` is the job that has the resource now; the others of the group wait. `process_mode` is GitLab's
    word for who comes next."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="resource_groups")
    key = models.CharField(max_length=255)
    process_mode = models.CharField(max_length=20, default="unordered")
    holder = models.ForeignKey("coordinator.Job", models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["project", "key"], name="one_resource_group"),)
