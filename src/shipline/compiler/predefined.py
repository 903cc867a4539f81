"""GitLab's predefined variables, as far as they are known before a job exists. Pure."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from shipline.compiler.facts import CommitFacts, ProjectFacts, PushFacts, ServerFacts
from shipline.model.variable import Variable

MESSAGE_LIMIT = 100_000


def slug(text: str) -> str:
    """Lower case, everything but 0-9 and a-z to `-`, 63 characters, no `-` at the ends."""
    return re.sub(r"[^0-9a-z]", "-", text.lower())[:63].strip("-")


def predefined_variables(
    server: ServerFacts, project: ProjectFacts, commit: CommitFacts, push: PushFacts
) -> tuple[Variable, ...]:
    """The variables of the phases before a pipeline and in it."""
    values = {
        **_server(server),
        **_project(server, project),
        **_commit(commit),
        **_ref(push),
        "CI_PIPELINE_SOURCE": push.source,
        "CI_PIPELINE_TRIGGERED": "true" if push.source == "trigger" else None,
    }
    return tuple(Variable(key, value, raw=True) for key, value in values.items() if value is not None)


def _server(server: ServerFacts) -> dict[str, str | None]:
    parts = urlsplit(server.url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    host = parts.hostname or ""
    major, minor, patch = [*server.version.split("."), "0", "0"][:3]
    return {
        "CI": "true",
        "GITLAB_CI": "true",
        "GITLAB_FEATURES": "",
        "CI_SERVER_URL": server.url,
        "CI_SERVER_HOST": host,
        "CI_SERVER_FQDN": parts.netloc,
        "CI_SERVER_PORT": str(port),
        "CI_SERVER_PROTOCOL": parts.scheme,
        "CI_SERVER_NAME": "shipline",
        "CI_SERVER_VERSION": server.version,
        "CI_SERVER_VERSION_MAJOR": major,
        "CI_SERVER_VERSION_MINOR": minor,
        "CI_SERVER_VERSION_PATCH": patch,
        "CI_SERVER_REVISION": "",
        "CI_API_V4_URL": f"{server.url}/api/v4",
        "CI_TEMPLATE_REGISTRY_HOST": server.registry or None,
    }


def _project(server: ServerFacts, project: ProjectFacts) -> dict[str, str | None]:
    namespace, _, name = project.path_with_namespace.rpartition("/")
    image = f"{server.registry}/{project.path_with_namespace.lower()}" if server.registry else None
    return {
        "CI_CONFIG_PATH": ".gitlab-ci.yml",
        "CI_DEFAULT_BRANCH": project.default_branch,
        "CI_DEFAULT_BRANCH_SLUG": slug(project.default_branch),
        "CI_PROJECT_ID": str(project.id),
        "CI_PROJECT_NAME": name,
        "CI_PROJECT_TITLE": name,
        "CI_PROJECT_DESCRIPTION": project.description,
        "CI_PROJECT_PATH": project.path_with_namespace,
        "CI_PROJECT_PATH_SLUG": slug(project.path_with_namespace),
        "CI_PROJECT_NAMESPACE": namespace,
        "CI_PROJECT_NAMESPACE_SLUG": slug(namespace),
        "CI_PROJECT_ROOT_NAMESPACE": namespace.partition("/")[0],
        "CI_PROJECT_URL": f"{server.url}/{project.path_with_namespace}",
        "CI_PROJECT_VISIBILITY": project.visibility,
        "CI_REGISTRY": server.registry or None,
        "CI_REGISTRY_IMAGE": image,
    }


def _commit(commit: CommitFacts) -> dict[str, str | None]:
    message = commit.message[:MESSAGE_LIMIT]
    title, _, description = message.partition("\n")
    return {
        "CI_COMMIT_SHA": commit.sha,
        "CI_COMMIT_SHORT_SHA": commit.sha[:8],
        "CI_COMMIT_BEFORE_SHA": commit.before_sha,
        "CI_COMMIT_MESSAGE": message,
        "CI_COMMIT_TITLE": title,
        "CI_COMMIT_DESCRIPTION": description.strip("\n"),
        "CI_COMMIT_AUTHOR": commit.author,
        "CI_COMMIT_TIMESTAMP": commit.timestamp,
    }


def _ref(push: PushFacts) -> dict[str, str | None]:
    return {
        "CI_COMMIT_REF_NAME": push.ref,
        "CI_COMMIT_REF_SLUG": slug(push.ref),
        "CI_COMMIT_REF_PROTECTED": "true" if push.protected else "false",
        "CI_COMMIT_BRANCH": push.ref if push.ref_type == "branch" else None,
        "CI_COMMIT_TAG": push.ref if push.ref_type == "tag" else None,
    }
