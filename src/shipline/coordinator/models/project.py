from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

from django.conf import settings
from django.db import models


class Project(models.Model):
    """`path_with_namespace` is the path in every URL: group/subgroup/name. `auto_cancel_pending_pipelines` is
    enabled or disabled; `merge_method` merge or ff."""

    path_with_namespace = models.CharField(max_length=255, unique=True)
    name = models.CharField(max_length=255)
    description = models.TextField(default="", blank=True)
    default_branch = models.CharField(max_length=255, default="main")
    visibility = models.CharField(max_length=10, default="private")
    build_timeout = models.IntegerField(default=3600)
    auto_cancel_pending_pipelines = models.CharField(max_length=8, default="enabled")
    ci_pipeline_variables_minimum_override_role = models.CharField(max_length=16, default="developer")
    merge_method = models.CharField(max_length=8, default="merge")
    created_at = models.DateTimeField(auto_now_add=True)

    @property
    def path(self) -> str:
        return self.path_with_namespace.rpartition("/")[2]

    @property
    def namespace(self) -> str:
        return self.path_with_namespace.rpartition("/")[0]

    def protects(self, ref: str) -> bool:
        """True for a protected branch; its name may hold `*`."""
        return bool(self.protected_among([ref]))

    def protected_among(self, refs: Iterable[str]) -> set[str]:
        """Those of the branches that are protected; asks the database once."""
        names = list(self.protected_branches.values_list("name", flat=True))
        return {ref for ref in refs if any(fnmatchcase(ref, name) for name in names)}


class Membership(models.Model):
    """Access levels are GitLab's: 10 guest, 20 reporter, 30 developer, 40 maintainer, 50 owner."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="memberships")
    access_level = models.IntegerField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["project", "user"], name="one_membership"),)


class ProtectedBranch(models.Model):
    project = models.ForeignKey(Project, models.CASCADE, related_name="protected_branches")
    name = models.CharField(max_length=255)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["project", "name"], name="one_protection"),)


class ProjectVariable(models.Model):
    """A CI/CD variable of a project. `variable_type` is env_var or file."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="variables")
    key = models.CharField(max_length=255)
    value = models.TextField(blank=True)
    protected = models.BooleanField(default=False)
    masked = models.BooleanField(default=False)
    raw = models.BooleanField(default=False)
    variable_type = models.CharField(max_length=8, default="env_var")
    environment_scope = models.CharField(max_length=255, default="*")

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["project", "key", "environment_scope"], name="one_variable"),
        )
