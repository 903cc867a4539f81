"""GitLab's predefined variables, as far as they are known before a job exists. Pure."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from shipline.compiler.facts import (
    CommitFacts,
    MergeRequestFacts,
    ProjectFacts,
    PushFacts,
    ServerFacts,
    UpstreamFacts,
    UserFacts,
)
from shipline.compiler.limits import DEFAULT_LIMITS, Limits
from shipline.model.variable import Variable


def slug(text: str) -> str:
    """Lower case, everything but 0-9 and a-z to `-`, 63 characters, no `-` at the ends."""
    return re.sub(r"[^0-9a-z]", "-", text.lower())[:63].strip("-")


def predefined_variables(
    server: ServerFacts,
    project: ProjectFacts,
    commit: CommitFacts,
    push: PushFacts,
    limits: Limits = DEFAULT_LIMITS,
) -> tuple[Variable, ...]:
    """The variables of the phases before a pipeline and in it; `visible` says which place sees which."""
    values = {
        **_server(server),
        **_project(server, project),
        **_commit(commit, limits.commit_message),
        **_ref(push),
        **_source(push),
        **_user(push.user),
        **_upstream(push.upstream),
        **_merge_request(server, project, push.merge_request, limits.merge_request_description),
        "CI_CONFIG_REF_URI": _config_ref(server, project, push),
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
        "CI_SERVER_SHELL_SSH_HOST": host,
        "CI_SERVER_SHELL_SSH_PORT": "22",
        "CI_API_V4_URL": f"{server.url}/api/v4",
        "CI_API_GRAPHQL_URL": f"{server.url}/api/graphql",
        "CI_TEMPLATE_REGISTRY_HOST": server.registry or None,
    }


def _project(server: ServerFacts, project: ProjectFacts) -> dict[str, str | None]:
    namespace, _, name = project.path_with_namespace.rpartition("/")
    image = f"{server.registry}/{project.path_with_namespace.lower()}" if server.registry else None
    return {
        "CI_CONFIG_PATH": project.config_path,
        "CI_DEFAULT_BRANCH": project.default_branch,
        "CI_DEFAULT_BRANCH_SLUG": slug(project.default_branch),
        "CI_PROJECT_ID": str(project.id),
        "CI_PROJECT_NAME": name,
        "CI_PROJECT_TITLE": name,
        "CI_PROJECT_DESCRIPTION": project.description,
        "CI_PROJECT_PATH": project.path_with_namespace,
        "CI_PROJECT_PATH_SLUG": slug(project.path_with_namespace),
        "CI_PROJECT_NAMESPACE": namespace,
        "CI_PROJECT_NAMESPACE_ID": str(project.namespace_id) if project.namespace_id else None,
        "CI_PROJECT_NAMESPACE_SLUG": slug(namespace),
        "CI_PROJECT_ROOT_NAMESPACE": namespace.partition("/")[0],
        "CI_PROJECT_URL": f"{server.url}/{project.path_with_namespace}",
        "CI_PROJECT_VISIBILITY": project.visibility,
        "CI_PROJECT_CLASSIFICATION_LABEL": "",
        "CI_PROJECT_TOPICS": ",".join(project.topics),
        "CI_PROJECT_REPOSITORY_LANGUAGES": ",".join(project.languages),
        "CI_REGISTRY": server.registry or None,
        "CI_REGISTRY_IMAGE": image,
    }


def _commit(commit: CommitFacts, limit: int) -> dict[str, str | None]:
    message = commit.message[:limit]
    title, _, description = message.partition("\n")
    return {
        "CI_COMMIT_SHA": commit.sha,
        "CI_COMMIT_SHORT_SHA": commit.sha[:8],
        "CI_COMMIT_BEFORE_SHA": commit.before_sha,
        "CI_COMMIT_MESSAGE": message,
        "CI_COMMIT_MESSAGE_IS_TRUNCATED": _truth(len(commit.message) > limit),
        "CI_COMMIT_TITLE": title,
        "CI_COMMIT_DESCRIPTION": description.strip("\n"),
        "CI_COMMIT_AUTHOR": commit.author,
        "CI_COMMIT_TIMESTAMP": commit.timestamp,
    }


def _ref(push: PushFacts) -> dict[str, str | None]:
    """A merge request has neither a branch nor a tag of its own; its ref is the source branch."""
    own = push.source != "merge_request_event" and push.merge_request is None
    is_tag = push.ref_type == "tag"
    return {
        "CI_COMMIT_REF_NAME": push.ref,
        "CI_COMMIT_REF_SLUG": slug(push.ref),
        "CI_COMMIT_REF_PROTECTED": _truth(push.protected),
        "CI_COMMIT_BRANCH": push.ref if own and push.ref_type == "branch" else None,
        "CI_COMMIT_TAG": push.ref if own and is_tag else None,
        "CI_COMMIT_TAG_MESSAGE": push.tag_message if own and is_tag else None,
    }


def _source(push: PushFacts) -> dict[str, str | None]:
    return {
        "CI_PIPELINE_SOURCE": push.source,
        "CI_PIPELINE_TRIGGERED": "true" if push.source == "trigger" else None,
        "CI_PIPELINE_SCHEDULE_DESCRIPTION": push.schedule_description if push.source == "schedule" else None,
    }


def _user(user: UserFacts | None) -> dict[str, str | None]:
    if user is None:
        return {}
    return {
        "GITLAB_USER_ID": str(user.id),
        "GITLAB_USER_LOGIN": user.login,
        "GITLAB_USER_NAME": user.name,
        "GITLAB_USER_EMAIL": user.email,
    }


def _upstream(upstream: UpstreamFacts | None) -> dict[str, str | None]:
    if upstream is None:
        return {}
    return {
        "CI_UPSTREAM_PIPELINE_ID": str(upstream.pipeline_id),
        "CI_UPSTREAM_PROJECT_ID": str(upstream.project_id),
        "CI_UPSTREAM_JOB_ID": str(upstream.job_id),
    }


def _merge_request(
    server: ServerFacts, project: ProjectFacts, request: MergeRequestFacts | None, limit: int
) -> dict[str, str | None]:
    if request is None:
        return {}
    source_path = request.source_project_path or project.path_with_namespace
    description = request.description[:limit]
    kind = (
        "head"
        if request.event_type == "detached"
        else "merge"
        if request.event_type == "merged_result"
        else "train"
    )
    own: dict[str, str | None] = {
        "ID": str(request.id),
        "IID": str(request.iid),
        "REF_PATH": f"refs/merge-requests/{request.iid}/{kind}",
        "PROJECT_ID": str(project.id),
        "PROJECT_PATH": project.path_with_namespace,
        "PROJECT_URL": f"{server.url}/{project.path_with_namespace}",
        "TARGET_BRANCH_NAME": request.target_branch,
        "TARGET_BRANCH_PROTECTED": _truth(request.target_protected),
        "TARGET_BRANCH_SHA": request.target_sha,
        "SOURCE_PROJECT_ID": str(request.source_project_id or project.id),
        "SOURCE_PROJECT_PATH": source_path,
        "SOURCE_PROJECT_URL": f"{server.url}/{source_path}",
        "SOURCE_BRANCH_NAME": request.source_branch,
        "SOURCE_BRANCH_PROTECTED": _truth(request.source_protected),
        "SOURCE_BRANCH_SHA": request.source_sha,
        "TITLE": request.title,
        "DESCRIPTION": description,
        "DESCRIPTION_IS_TRUNCATED": _truth(len(request.description) > limit),
        "DRAFT": _truth(request.draft),
        "SQUASH_ON_MERGE": _truth(request.squash),
        "EVENT_TYPE": request.event_type,
        "DIFF_ID": str(request.diff_id) if request.diff_id else None,
        "DIFF_BASE_SHA": request.diff_base_sha or None,
        # These are there only when they say something.
        "APPROVED": "true" if request.approved else None,
        "ASSIGNEES": ", ".join(request.assignees) or None,
        "LABELS": ",".join(request.labels) or None,
        "MILESTONE": request.milestone or None,
    }
    return {f"CI_MERGE_REQUEST_{key}": value for key, value in own.items()}


def _config_ref(server: ServerFacts, project: ProjectFacts, push: PushFacts) -> str:
    ref = f"refs/{'tags' if push.ref_type == 'tag' else 'heads'}/{push.ref}"
    if push.merge_request is not None:
        ref = f"refs/merge-requests/{push.merge_request.iid}/head"
    return f"{urlsplit(server.url).netloc}/{project.path_with_namespace}//{project.config_path}@{ref}"


def _truth(value: bool) -> str:
    return "true" if value else "false"
