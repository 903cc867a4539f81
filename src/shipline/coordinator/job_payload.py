"""What a runner gets of a job: the answer 201 of jobs/request. Pure, but for the rows it is given."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import urlsplit

from shipline.coordinator.abilities import without_effect
from shipline.model.definition import Artifacts, Image, JobDefinition, Service
from shipline.model.variable import SettingsVariable, Variable, last_wins
from shipline.protocols import runner_api as api

JOB_USER = "gitlab-ci-token"
DEFAULT_DEPTH = 20
# Reports that are sent packed, one stream for all their files; the others are sent as they are.
GZIP_REPORTS = frozenset({"junit", "dotenv", "metrics", "cyclonedx", "annotations"})
REPORT_NAMES = {"junit": "junit.xml", "dotenv": ".env", "metrics": "metrics.txt"}


@dataclass(frozen=True, slots=True)
class JobFacts:
    """Everything about one job at the moment it is handed out."""

    id: int
    token: str
    definition: JobDefinition
    pipeline_id: int
    pipeline_iid: int
    project_id: int
    project_path: str
    ref: str
    ref_type: str
    sha: str
    before_sha: str
    protected: bool
    timeout: int
    server_url: str
    registries: tuple[str, ...]
    predefined: tuple[Variable, ...]
    settings: tuple[SettingsVariable, ...]
    started_at: str
    user_id: int | None
    user_login: str
    user_name: str
    runner_id: int
    runner_description: str
    runner_tags: tuple[str, ...]
    dependencies: tuple[api.JobDependency, ...] = ()
    dotenv: tuple[Variable, ...] = ()
    # For a runner that puts them in itself.
    inputs: tuple[tuple[str, Any], ...] = ()


def withheld(settings: Iterable[SettingsVariable], protected: bool) -> list[str]:
    """Names of the protected variables that a job on an unprotected ref does not get."""
    return [] if protected else [found.variable.key for found in settings if found.protected]


def notices(facts: JobFacts) -> list[str]:
    """Lines that stand before the job's log."""
    lines = []
    if names := withheld(facts.settings, facts.protected):
        which = f"{facts.ref_type} {facts.ref}"
        lines.append(
            f"Protected variables are not available here, because {which} is not protected: {', '.join(names)}"
        )
    if undone := without_effect(facts.definition):
        lines.append(undone)
    return lines


def payload(facts: JobFacts) -> api.JobPayload:
    job = facts.definition
    return api.JobPayload(
        id=facts.id,
        token=facts.token,
        allow_git_fetch=True,
        job_info=api.JobInfo(
            id=facts.id,
            name=job.name,
            stage=job.stage,
            pipeline_id=facts.pipeline_id,
            project_id=facts.project_id,
            project_name=facts.project_path.rpartition("/")[2],
            project_full_path=facts.project_path,
            user_id=facts.user_id,
        ),
        git_info=_git(facts),
        runner_info=api.RunnerInfo(timeout=facts.timeout),
        variables=[_variable(variable) for variable in variables(facts)],
        steps=_steps(job, facts.timeout),
        image=_image(job.image) if job.image else None,
        services=[_service(service) for service in job.services],
        artifacts=_artifacts(job.artifacts) if job.artifacts else [],
        credentials=[
            api.JobCredentials(type="registry", url=registry, username=JOB_USER, password=facts.token)
            for registry in facts.registries
        ],
        dependencies=list(facts.dependencies),
        inputs=[_input(name, value) for name, value in facts.inputs],
        features=api.JobFeatures(
            trace_sections=True,
            token_mask_prefixes=["glpat-", "glrt-", "glcbt-"],
            failure_reasons=[
                "unknown_failure", "script_failure", "runner_system_failure", "job_execution_timeout",
                "image_pull_failure", "runner_configuration_error", "runner_external_dependency_failure",
                "runner_interrupted", "job_canceled",
            ],
        ),
    )  # fmt: skip


def variables(facts: JobFacts) -> tuple[Variable, ...]:
    """From low to high: predefined, dotenv's own place above the YAML, YAML, settings."""
    allowed = tuple(
        found.variable
        for found in facts.settings
        if (facts.protected or not found.protected) and fnmatchcase("", found.environment_scope)
    )
    return last_wins(
        (*facts.predefined, *_job_variables(facts), *facts.definition.variables, *facts.dotenv, *allowed)
    )


def _job_variables(facts: JobFacts) -> tuple[Variable, ...]:
    job, server = facts.definition, facts.server_url
    project = f"{server}/{facts.project_path}"
    plain = {
        "CI_JOB_ID": str(facts.id),
        "CI_JOB_NAME": job.name,
        "CI_JOB_GROUP_NAME": job.group or job.name,
        "CI_JOB_STAGE": job.stage,
        "CI_JOB_URL": f"{project}/-/jobs/{facts.id}",
        "CI_JOB_STARTED_AT": facts.started_at,
        "CI_JOB_TIMEOUT": str(facts.timeout),
        "CI_NODE_TOTAL": str(job.node_total or 1),
        "CI_PIPELINE_ID": str(facts.pipeline_id),
        "CI_PIPELINE_IID": str(facts.pipeline_iid),
        "CI_PIPELINE_URL": f"{project}/-/pipelines/{facts.pipeline_id}",
        "CI_RUNNER_ID": str(facts.runner_id),
        "CI_RUNNER_DESCRIPTION": facts.runner_description,
        "CI_RUNNER_TAGS": json.dumps(list(facts.runner_tags)),
        "GITLAB_USER_ID": str(facts.user_id or ""),
        "GITLAB_USER_LOGIN": facts.user_login,
        "GITLAB_USER_NAME": facts.user_name,
    }
    if job.node_index is not None:
        plain["CI_NODE_INDEX"] = str(job.node_index)
    if facts.registries:
        plain["CI_REGISTRY_USER"] = JOB_USER
    made = [Variable(key, value, raw=True) for key, value in plain.items()]
    secret = {"CI_JOB_TOKEN": facts.token, "CI_REPOSITORY_URL": repository_url(facts)}
    if facts.registries:
        secret["CI_REGISTRY_PASSWORD"] = facts.token
    made += [Variable(key, value, public=False, masked=True, raw=True) for key, value in secret.items()]
    return tuple(made)


def repository_url(facts: JobFacts) -> str:
    parts = urlsplit(facts.server_url)
    return f"{parts.scheme}://{JOB_USER}:{facts.token}@{parts.netloc}/{facts.project_path}.git"


def _git(facts: JobFacts) -> api.GitInfo:
    kind = "tags" if facts.ref_type == "tag" else "heads"
    target = f"refs/tags/{facts.ref}" if facts.ref_type == "tag" else f"refs/remotes/origin/{facts.ref}"
    pipeline = f"refs/pipelines/{facts.pipeline_id}"
    of_request = facts.ref_type == "merge_request"
    return api.GitInfo(
        repo_url=repository_url(facts),
        ref=facts.ref,
        sha=facts.sha,
        before_sha=facts.before_sha,
        ref_type="branch" if of_request else facts.ref_type,
        # A merge request has no branch of its own that could move.
        refspecs=[f"+{pipeline}:{pipeline}", *([] if of_request else [f"+refs/{kind}/{facts.ref}:{target}"])],
        depth=DEFAULT_DEPTH,
        protected=facts.protected,
    )


def _variable(variable: Variable) -> api.JobVariable:
    return api.JobVariable(
        key=variable.key,
        value=variable.value,
        public=variable.public,
        masked=variable.masked,
        file=variable.file,
        raw=variable.raw,
    )


def _input(name: str, value: Any) -> api.JobInput:
    kinds = {str: "string", bool: "boolean", list: "array"}
    return api.JobInput(
        key=name, value=api.JobInputValue(type=kinds.get(type(value), "number"), content=value)
    )


def _steps(job: JobDefinition, timeout: int) -> list[api.JobStep]:
    steps = [api.JobStep(name="script", script=[*job.before_script, *job.script], timeout=timeout)]
    if job.after_script:
        steps.append(
            api.JobStep(
                name="after_script",
                script=list(job.after_script),
                timeout=timeout,
                when="always",
                allow_failure=True,
            )
        )
    return steps


def _image(image: Image) -> api.JobImage:
    return api.JobImage(
        name=image.name, entrypoint=_list(image.entrypoint), pull_policy=list(image.pull_policy)
    )


def _service(service: Service) -> api.JobImage:
    return api.JobImage(
        name=service.name,
        alias=service.alias,
        entrypoint=_list(service.entrypoint),
        command=_list(service.command),
        variables=[_variable(variable) for variable in service.variables],
        pull_policy=list(service.pull_policy),
    )


def _list(words: Sequence[str] | None) -> list[str] | None:
    return None if words is None else list(words)


def _artifacts(artifacts: Artifacts) -> list[api.JobArtifact]:
    found = []
    if artifacts.paths or artifacts.untracked:
        found.append(
            api.JobArtifact(
                name=artifacts.name or "",
                untracked=artifacts.untracked,
                paths=list(artifacts.paths),
                exclude=list(artifacts.exclude),
                when=artifacts.when,
                expire_in=artifacts.expire_in or "",
            )
        )
    found += [
        api.JobArtifact(
            name=REPORT_NAMES.get(kind, f"gl-{kind.replace('_', '-')}-report.json"),
            paths=list(paths),
            when="always",
            artifact_type=kind,
            artifact_format="gzip" if kind in GZIP_REPORTS else "raw",
            expire_in=artifacts.expire_in or "",
        )
        for kind, paths in artifacts.reports
    ]
    return found
