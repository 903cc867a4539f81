"""Where a project's pipeline configuration lies: in the repository, in another project's, or at an address."""

from __future__ import annotations

import json

from shipline.coordinator.models import Project
from shipline.coordinator.services import services

CONFIG_PATH = ".gitlab-ci.yml"


def configuration_of(project: Project, sha: str) -> tuple[str, bytes | None]:
    """The path under which it is compiled, and its text; None when the commit has no such file. The project's
    setting is a path, `path@group/project`, `path@group/project:ref`, or an address (GitLab's "CI/CD
    configuration file")."""
    setting = project.ci_config_path or CONFIG_PATH
    if include := _elsewhere(setting):
        # As GitLab does: a configuration of one include, so that all its rules of access hold.
        return CONFIG_PATH, json.dumps({"include": [include]}).encode()
    return setting, services().repositories.file(project.pk, sha, setting)


def _elsewhere(setting: str) -> dict[str, str] | None:
    if setting.startswith(("http://", "https://")):
        return {"remote": setting}
    path, at, where = setting.partition("@")
    if not at:
        return None
    other, colon, ref = where.partition(":")
    return {"project": other, "file": path} | ({"ref": ref} if colon else {})
