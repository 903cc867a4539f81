"""CI/CD variables that people set, on their three levels. Which of them a job gets: `variables.py`."""

from __future__ import annotations

from django.db import models

from shipline.coordinator.models.group import Group
from shipline.coordinator.models.project import Project


class StoredVariable(models.Model):
    """`variable_type` is env_var or file. `hidden`: masked, and never shown again to anybody."""

    key = models.CharField(max_length=255)
    value = models.TextField(blank=True)
    protected = models.BooleanField(default=False)
    masked = models.BooleanField(default=False)
    hidden = models.BooleanField(default=False)
    raw = models.BooleanField(default=False)
    variable_type = models.CharField(max_length=8, default="env_var")
    description = models.CharField(max_length=255, null=True)

    class Meta:
        abstract = True


class ProjectVariable(StoredVariable):
    project = models.ForeignKey(Project, models.CASCADE, related_name="variables")
    environment_scope = models.CharField(max_length=255, default="*")

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["project", "key", "environment_scope"], name="one_variable"),
        )


class GroupVariable(StoredVariable):
    group = models.ForeignKey(Group, models.CASCADE, related_name="variables")
    environment_scope = models.CharField(max_length=255, default="*")

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["group", "key", "environment_scope"], name="one_group_variable"),
        )


class InstanceVariable(StoredVariable):
    """For the jobs of every project; it has no environment scope."""

    class Meta:
        constraints = (models.UniqueConstraint(fields=["key"], name="one_instance_variable"),)
