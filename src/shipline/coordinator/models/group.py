from __future__ import annotations

from django.conf import settings
from django.db import models


class Group(models.Model):
    """A namespace: a group of projects, or a user's own place for them (`owner`). `full_path` stands in URLs; a
    group lies in those whose path its own begins with. `default_branch_protection` is GitLab's number: 0 none,
    1 developers push, 2 maintainers push, 3 maintainers push and developers merge, 4 developers push once."""

    full_path = models.CharField(max_length=255, unique=True)
    name = models.CharField(max_length=255)
    description = models.TextField(default="", blank=True)
    visibility = models.CharField(max_length=10, default="private")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, null=True, related_name="own_namespaces"
    )
    default_branch_protection = models.IntegerField(default=2)
    created_at = models.DateTimeField(auto_now_add=True)

    @property
    def path(self) -> str:
        return self.full_path.rpartition("/")[2]

    @property
    def parent_path(self) -> str:
        return self.full_path.rpartition("/")[0]


class GroupMember(models.Model):
    """A role in a group and in all that lies in it."""

    group = models.ForeignKey(Group, models.CASCADE, related_name="members")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="group_roles")
    access_level = models.IntegerField()
    expires_at = models.DateField(null=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["group", "user"], name="one_group_role"),)


def paths_above(full_path: str) -> list[str]:
    """The paths of the namespaces that something lies in, the outermost first."""
    parts = full_path.split("/")[:-1]
    return ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]
