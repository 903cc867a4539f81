from __future__ import annotations

from django.conf import settings
from django.db import models

from shipline.coordinator.models.group import Group
from shipline.coordinator.models.project import Project


class Runner(models.Model):
    """`runner_type` is instance_type (for all projects), group_type (for all in `group`) or project_type (for
    `projects`; the first that it got is its owner). `locked`: no other project may have it. A token that has
    expired opens nothing."""

    token_hash = models.CharField(max_length=64, unique=True)
    short_token = models.CharField(max_length=12)
    token_expires_at = models.DateTimeField(null=True)
    runner_type = models.CharField(max_length=16, default="instance_type")
    group = models.ForeignKey(Group, models.CASCADE, null=True, related_name="runners")
    projects = models.ManyToManyField(Project, related_name="runners")
    description = models.CharField(max_length=1024, default="", blank=True)
    maintenance_note = models.CharField(max_length=1024, default="", blank=True)
    tags = models.JSONField(default=list)
    run_untagged = models.BooleanField(default=True)
    protected_only = models.BooleanField(default=False)
    locked = models.BooleanField(default=False)
    paused = models.BooleanField(default=False)
    maximum_timeout = models.IntegerField(null=True)
    creator = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    contacted_at = models.DateTimeField(null=True)


class RunnerManager(models.Model):
    """One process that asks with a runner's token: `system_id` tells it from the others. `features` is what it
    told last about what it can do."""

    runner = models.ForeignKey(Runner, models.CASCADE, related_name="managers")
    system_id = models.CharField(max_length=64)
    version = models.CharField(max_length=64, default="", blank=True)
    revision = models.CharField(max_length=64, default="", blank=True)
    platform = models.CharField(max_length=64, default="", blank=True)
    architecture = models.CharField(max_length=64, default="", blank=True)
    executor = models.CharField(max_length=64, default="", blank=True)
    ip_address = models.CharField(max_length=64, default="", blank=True)
    features = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)
    contacted_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["runner", "system_id"], name="one_manager"),)


class RegistrationToken(models.Model):
    """The token that `gitlab-runner register` of old makes runners with, where that is allowed. `project` None:
    it makes instance runners."""

    project = models.OneToOneField(Project, models.CASCADE, null=True, related_name="registration_token")
    token_hash = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)
