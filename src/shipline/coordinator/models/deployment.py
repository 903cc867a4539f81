from __future__ import annotations

from django.conf import settings
from django.db import models

from shipline.coordinator.models.environment import Environment
from shipline.coordinator.models.job import Job
from shipline.coordinator.models.project import Project


class Deployment(models.Model):
    """One job's deploying of one commit. `on_stop` is the name of the job that takes it away again."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="deployments")
    iid = models.IntegerField()
    environment = models.ForeignKey(Environment, models.CASCADE, related_name="deployments")
    deployable = models.OneToOneField(Job, models.SET_NULL, null=True, related_name="deployment")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True)
    ref = models.CharField(max_length=255)
    tag = models.BooleanField(default=False)
    sha = models.CharField(max_length=64)
    status = models.CharField(max_length=10, default="created")
    on_stop = models.CharField(max_length=255, default="", blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["project", "iid"], name="one_deployment_iid"),)
        indexes = (models.Index(fields=["environment", "status", "-id"], name="deployments_of"),)
