from __future__ import annotations

from django.db import models

from shipline.coordinator.models.job import Job


class JobArtifact(models.Model):
    """`file` is relative to the artifacts folder. `accessibility` says which people may have it: public (all
    who may see the project), private (developers), maintainer or none."""

    job = models.ForeignKey(Job, models.CASCADE, related_name="artifacts")
    file_type = models.CharField(max_length=40)
    file_format = models.CharField(max_length=8)
    filename = models.CharField(max_length=255)
    file = models.CharField(max_length=255)
    size = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)
    accessibility = models.CharField(max_length=10, default="public")
    expire_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["job", "file_type"], name="one_of_a_type"),)
