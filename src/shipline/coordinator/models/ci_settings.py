from __future__ import annotations

from django.db import models

from shipline.coordinator.models.project import Project


class ProjectCiSettings(models.Model):
    """A project's CI/CD settings; a project without a row has the defaults. `default_git_depth` 0 fetches
    everything. `build_git_strategy` is fetch or clone."""

    project = models.OneToOneField(Project, models.CASCADE, related_name="ci_settings")
    default_git_depth = models.IntegerField(default=20)
    separated_caches = models.BooleanField(default=True)
    keep_latest_artifact = models.BooleanField(default=True)
    build_git_strategy = models.CharField(max_length=8, default="fetch")


def ci_settings_of(project: Project) -> ProjectCiSettings:
    """The project's, saved or not."""
    try:
        found: ProjectCiSettings = project.ci_settings
    except ProjectCiSettings.DoesNotExist:
        return ProjectCiSettings(project=project)
    return found
