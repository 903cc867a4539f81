from __future__ import annotations

from django.conf import settings
from django.db import models

from shipline.coordinator.models.job import Job
from shipline.coordinator.models.project import Project


class Release(models.Model):
    """What somebody says of a tag. `sha` is the commit that the tag pointed at. `job` has made it by its
    `release:`, if one has; told twice that the job is over, it is made once."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="releases")
    tag = models.CharField(max_length=255)
    name = models.CharField(max_length=255)
    description = models.TextField(default="", blank=True)
    sha = models.CharField(max_length=64)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    job = models.ForeignKey(Job, models.SET_NULL, null=True, related_name="releases")
    released_at = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["project", "tag"], name="one_release"),)
        indexes = (models.Index(fields=["project", "-released_at"], name="latest_release"),)


class ReleaseLink(models.Model):
    """An asset that lies elsewhere. `filepath` is its lasting place below the release, empty without one;
    `link_type` is other, runbook, image or package."""

    release = models.ForeignKey(Release, models.CASCADE, related_name="links")
    name = models.CharField(max_length=255)
    url = models.CharField(max_length=2048)
    filepath = models.CharField(max_length=128, default="", blank=True)
    link_type = models.CharField(max_length=8, default="other")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["release", "name"], name="one_link_name"),
            models.UniqueConstraint(fields=["release", "url"], name="one_link_url"),
        )
