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
    # Where a branch's configuration lies; empty: .gitlab-ci.yml.
    ci_config_path = models.CharField(max_length=255, default="", blank=True)
    build_timeout = models.IntegerField(default=3600)
    # Without it the pipelines of who may see the project are for reporters and above only.
    public_jobs = models.BooleanField(default=True)
    auto_cancel_pending_pipelines = models.CharField(max_length=8, default="enabled")
    ci_pipeline_variables_minimum_override_role = models.CharField(max_length=16, default="developer")
    merge_method = models.CharField(max_length=8, default="merge")
    # A deployment that is older than the latest one does not run; a finished one may be retried, to roll back.
    ci_forward_deployment_enabled = models.BooleanField(default=True)
    ci_forward_deployment_rollback_allowed = models.BooleanField(default=True)
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

    def protects_ref(self, ref: str, ref_type: str) -> bool:
        """True for a protected branch or, by the protection of tags, a protected tag."""
        if ref_type == "branch":
            return self.protects(ref)
        names = self.protected_tags.values_list("name", flat=True)
        return ref_type == "tag" and any(fnmatchcase(ref, name) for name in names)


class Membership(models.Model):
    """Access levels are GitLab's: 10 guest, 20 reporter, 30 developer, 40 maintainer, 50 owner."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="memberships")
    access_level = models.IntegerField()
    expires_at = models.DateField(null=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["project", "user"], name="one_membership"),)


class ProtectedBranch(models.Model):
    """`name` may hold `*`. The levels are the lowest that may; 0 is nobody."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="protected_branches")
    name = models.CharField(max_length=255)
    push_access_level = models.IntegerField(default=40)
    merge_access_level = models.IntegerField(default=40)
    allow_force_push = models.BooleanField(default=False)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["project", "name"], name="one_protection"),)


class ProtectedTag(models.Model):
    """`name` may hold `*`. Who may create such a tag; nobody moves one, and only the API deletes it."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="protected_tags")
    name = models.CharField(max_length=255)
    create_access_level = models.IntegerField(default=40)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["project", "name"], name="one_tag_protection"),)
