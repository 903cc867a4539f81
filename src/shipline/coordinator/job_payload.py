"""What a runner gets of a job: the answer 201 of jobs/request. Pure, but for the rows it is given."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from shipline.compiler.predefined import slug
from shipline.coordinator import payload_parts as parts
from shipline.coordinator.abilities import without_effect
from shipline.coordinator.environment_variables import JobEnvironment, environment_variables
from shipline.coordinator.job_secrets import secrets
from shipline.model.definition import JobDefinition, When
from shipline.model.environment import scoped, scoped_values
from shipline.model.expansion import expand_for_runner
from shipline.model.variable import SettingsVariable, Variable, last_wins
from shipline.protocols import runner_api as api

JOB_USER = "gitlab-ci-token"
# Whatever begins so is a token of GitLab's, and stays out of logs even where nobody has said that it is a secret.
TOKEN_PREFIXES = (
    "glpat-", "gloas-", "gldt-", "glrt-", "glrtr-", "glcbt-", "glptt-", "glft-", "glimt-", "glagent-",
    "glwt-", "glsoat-", "glffct-",
)  # fmt: skip
# Instance runners serve first who has few jobs; beyond this many nobody counts.
RUNNING_JOBS_SHOWN = 1000


@dataclass(frozen=True, slots=True)
class JobFacts:
    """Everything about one job at the moment it is handed out. `depth` of the clone, `timeout` and
    `queued_seconds` in seconds. `cache_files`: index of a cache -> what its key's files come to.
    `running_on_instance_runners` None: the runner is not one of these."""

    id: int
    token: str
    definition: JobDefinition
    pipeline_id: int
    pipeline_iid: int
    pipeline_name: str
    pipeline_created_at: str
    project_id: int
    project_path: str
    ref: str
    ref_type: str
    sha: str
    before_sha: str
    merge_request: bool
    protected: bool
    timeout: int
    depth: int
    separated_caches: bool
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
    instance_id: str
    queued_seconds: int = 0
    queue_size: int = 0
    queue_depth: int = 0
    running_on_instance_runners: int | None = None
    cache_files: Mapping[int, str] = field(default_factory=dict)
    dependencies: tuple[api.JobDependency, ...] = ()
    dotenv: tuple[Variable, ...] = ()
    # May an earlier checkout be built on?
    allow_fetch: bool = True
    environment: JobEnvironment | None = None
    resource_group: str | None = None
    id_tokens: tuple[Variable, ...] = ()


def withheld(settings: Iterable[SettingsVariable], protected: bool) -> list[str]:
    """Names of the protected variables that a job on an unprotected ref does not get."""
    return [] if protected else [found.variable.key for found in settings if found.protected]


def notices(facts: JobFacts) -> list[str]:
    """Lines that stand before the job's log."""
    lines = []
    name = facts.environment.name if facts.environment is not None else None
    if names := withheld(scoped(facts.settings, name), facts.protected):
        which = f"{facts.ref_type} {facts.ref}"
        lines.append(
            f"Protected variables are not available here, because {which} is not protected: {', '.join(names)}"
        )
    if facts.definition.resource_group and facts.resource_group is None:
        lines.append(
            f"resource_group {facts.definition.resource_group} names no resource group: nothing waits"
        )
    if undone := without_effect(facts.definition):
        lines.append(undone)
    return lines


def payload(facts: JobFacts) -> api.JobPayload:
    job = facts.definition
    own = variables(facts)
    expanded = expand_for_runner(own)
    return api.JobPayload(
        id=facts.id,
        token=facts.token,
        allow_git_fetch=facts.allow_fetch,
        job_info=_job_info(facts),
        git_info=_git(facts, own),
        runner_info=api.RunnerInfo(timeout=facts.timeout),
        inputs=parts.inputs(job),
        variables=[parts.variable(one) for one in expanded],
        steps=parts.steps(job, facts.timeout),
        image=parts.image(job.image) if job.image else None,
        services=[parts.service(service) for service in job.services],
        artifacts=parts.artifacts(job.artifacts) if job.artifacts else [],
        cache=parts.caches(
            job.cache, facts.cache_files, separated=facts.separated_caches, protected=facts.protected
        ),
        credentials=[
            api.JobCredentials(type="registry", url=registry, username=JOB_USER, password=facts.token)
            for registry in facts.registries
        ],
        dependencies=list(facts.dependencies),
        features=api.JobFeatures(
            trace_sections=True,
            token_mask_prefixes=list(TOKEN_PREFIXES),
            failure_reasons=list(api.FAILURE_REASONS),
        ),
        hooks=parts.hooks(job),
        secrets=secrets(job, {one.key: one.value for one in expanded}),
        run=parts.run(job),
    )


def _job_info(facts: JobFacts) -> api.JobInfo:
    running = facts.running_on_instance_runners
    instance = str(uuid.uuid5(uuid.NAMESPACE_URL, f"shipline:{facts.instance_id}"))
    return api.JobInfo(
        id=facts.id,
        name=facts.definition.name,
        stage=facts.definition.stage,
        pipeline_id=facts.pipeline_id,
        project_id=facts.project_id,
        project_name=facts.project_path.rpartition("/")[2],
        project_full_path=facts.project_path,
        organization_id=1,
        instance_id=facts.instance_id,
        instance_uuid=instance,
        user_id=facts.user_id,
        time_in_queue_seconds=facts.queued_seconds,
        project_jobs_running_on_instance_runners_count=_bucket(running),
        queue_size=facts.queue_size,
        queue_depth=facts.queue_depth,
    )


def _bucket(running: int | None) -> str:
    if running is None:
        return "+Inf"
    return str(running) if running < RUNNING_JOBS_SHOWN else f"{RUNNING_JOBS_SHOWN}+"


def variables(facts: JobFacts) -> tuple[Variable, ...]:
    """From low to high: predefined, ID tokens, YAML, dotenv, settings; above all what GitLab says of the
    environment."""
    name = facts.environment.name if facts.environment is not None else None
    return last_wins(
        (
            *facts.predefined,
            *_job_variables(facts),
            *facts.id_tokens,
            *facts.definition.variables,
            *facts.dotenv,
            *scoped_values(facts.settings, name, protected=facts.protected),
            *environment_variables(facts.environment),
        )
    )


def _job_variables(facts: JobFacts) -> tuple[Variable, ...]:
    job, server = facts.definition, facts.server_url
    project = f"{server}/{facts.project_path}"
    plain = {
        "CI_JOB_ID": str(facts.id),
        "CI_BUILD_ID": str(facts.id),
        "CI_JOB_NAME": job.name,
        "CI_JOB_NAME_SLUG": slug(job.name),
        "CI_JOB_GROUP_NAME": job.group or job.name,
        "CI_JOB_STAGE": job.stage,
        "CI_JOB_URL": f"{project}/-/jobs/{facts.id}",
        "CI_JOB_STARTED_AT": facts.started_at,
        "CI_JOB_STARTED_AT_SLUG": slug(facts.started_at),
        "CI_JOB_TIMEOUT": str(facts.timeout),
        "CI_NODE_TOTAL": str(job.node_total or 1),
        "CI_PIPELINE_ID": str(facts.pipeline_id),
        "CI_PIPELINE_IID": str(facts.pipeline_iid),
        "CI_PIPELINE_CREATED_AT": facts.pipeline_created_at,
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
    if job.when is When.MANUAL:
        plain["CI_JOB_MANUAL"] = "true"
    if facts.pipeline_name:
        plain["CI_PIPELINE_NAME"] = facts.pipeline_name
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


def _git(facts: JobFacts, own: Iterable[Variable]) -> api.GitInfo:
    depth = _depth(facts, own)
    return api.GitInfo(
        repo_url=repository_url(facts),
        ref=facts.ref,
        sha=facts.sha,
        before_sha=facts.before_sha,
        ref_type=facts.ref_type,
        refspecs=_refspecs(facts, depth),
        depth=depth,
        protected=facts.protected,
    )


def _depth(facts: JobFacts, own: Iterable[Variable]) -> int:
    """GIT_DEPTH of the job, which gitlab-runner leaves to the server, else the project's setting. As Ruby reads
    numbers: digits at the beginning count, without any it is 0, and that is everything."""
    written = next((one.value for one in own if one.key == "GIT_DEPTH"), None)
    if written is None:
        return facts.depth
    digits = re.match(r"\s*(\d{1,9})", written, re.ASCII)
    return int(digits[1]) if digits else 0


def _refspecs(facts: JobFacts, depth: int) -> list[str]:
    """First the pipeline's own ref, which keeps its commit whatever becomes of the branch. A merge request has
    no branch of its own to fetch. Depth 0: all branches and tags, so that history can be looked at."""
    pipeline = f"refs/pipelines/{facts.pipeline_id}"
    specs = [f"+{pipeline}:{pipeline}"]
    if facts.merge_request:
        path = next((one.value for one in facts.predefined if one.key == "CI_MERGE_REQUEST_REF_PATH"), "")
        specs += [f"+{path}:{path}"] if path else []
    name = facts.ref if depth else "*"
    branch, tag = f"+refs/heads/{name}:refs/remotes/origin/{name}", f"+refs/tags/{name}:refs/tags/{name}"
    if not depth:
        return [*specs, branch, tag]
    if facts.ref_type == "tag":
        return [*specs, tag]
    return specs if facts.merge_request else [*specs, branch]
