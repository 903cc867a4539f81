"""A compiled pipeline: what shall run, with every default and template resolved. Printable, comparable.

The compiler makes it, the coordinator stores it, the life-cycle walks it, the runner gets it job by job.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from shipline.model.variable import Variable


class When(StrEnum):
    ON_SUCCESS = "on_success"
    ON_FAILURE = "on_failure"
    ALWAYS = "always"
    MANUAL = "manual"
    DELAYED = "delayed"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Image:
    """`entrypoint` None keeps the image's own; an empty list in it means none at all. The users and the
    platform are options for the runner's executors of those names."""

    name: str
    entrypoint: tuple[str, ...] | None = None
    pull_policy: tuple[str, ...] = ()
    docker_platform: str | None = None
    docker_user: str | None = None
    kubernetes_user: str | None = None


@dataclass(frozen=True, slots=True)
class Service:
    """`alias` may hold several host names, separated by blanks or commas."""

    name: str
    alias: str | None = None
    entrypoint: tuple[str, ...] | None = None
    command: tuple[str, ...] | None = None
    variables: tuple[Variable, ...] = ()
    pull_policy: tuple[str, ...] = ()
    docker_platform: str | None = None
    docker_user: str | None = None
    kubernetes_user: str | None = None


@dataclass(frozen=True, slots=True)
class CoverageReport:
    """`format` is cobertura or jacoco."""

    format: str
    path: str


@dataclass(frozen=True, slots=True)
class Artifacts:
    """`reports` maps a report type (junit, dotenv, ...) to its paths. `access` is all, developer, maintainer or
    none; `public` its older form."""

    paths: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    name: str | None = None
    untracked: bool = False
    when: str = "on_success"
    expire_in: str | None = None
    reports: tuple[tuple[str, tuple[str, ...]], ...] = ()
    coverage_report: CoverageReport | None = None
    expose_as: str | None = None
    public: bool | None = None
    access: str | None = None


@dataclass(frozen=True, slots=True)
class Cache:
    """`key`, or the files whose content (or last commits) makes it, behind `key_prefix`."""

    paths: tuple[str, ...] = ()
    key: str = "default"
    key_files: tuple[str, ...] = ()
    key_files_commits: tuple[str, ...] = ()
    key_prefix: str | None = None
    untracked: bool = False
    unprotect: bool = False
    when: str = "on_success"
    policy: str = "pull-push"
    fallback_keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Environment:
    """Names and addresses may hold variables. `auto_stop_in` is a duration in words."""

    name: str
    url: str | None = None
    action: str = "start"
    on_stop: str | None = None
    auto_stop_in: str | None = None
    deployment_tier: str | None = None
    kubernetes: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class ReleaseLink:
    name: str
    url: str
    filepath: str | None = None
    link_type: str = "other"


@dataclass(frozen=True, slots=True)
class Release:
    tag_name: str
    description: str
    name: str | None = None
    tag_message: str | None = None
    ref: str | None = None
    milestones: tuple[str, ...] = ()
    released_at: str | None = None
    links: tuple[ReleaseLink, ...] = ()


@dataclass(frozen=True, slots=True)
class Pages:
    """`publish` is the folder with the site."""

    publish: str = "public"
    path_prefix: str | None = None
    expire_in: str | None = None


@dataclass(frozen=True, slots=True)
class IdToken:
    """A JWT that the job finds in the variable `name`."""

    name: str
    aud: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class JobInput:
    """A value that somebody may change when the job is started by hand."""

    name: str
    default: Any
    type: str = "string"
    description: str | None = None
    options: tuple[Any, ...] = ()
    regex: str | None = None


@dataclass(frozen=True, slots=True)
class Need:
    job: str
    artifacts: bool = True
    optional: bool = False


@dataclass(frozen=True, slots=True)
class CrossNeed:
    """Artifacts of a job of another pipeline: of `pipeline` (an id), or of the newest of `project` at `ref`.
    Without a job it mirrors the status of that pipeline."""

    job: str | None = None
    artifacts: bool = True
    pipeline: str | None = None
    project: str | None = None
    ref: str | None = None
    optional: bool = False


@dataclass(frozen=True, slots=True)
class TriggerInclude:
    """One file of a child pipeline's configuration."""

    local: str | None = None
    artifact: str | None = None
    job: str | None = None
    project: str | None = None
    file: tuple[str, ...] = ()
    ref: str | None = None
    template: str | None = None
    component: str | None = None
    remote: str | None = None
    inputs: dict[str, Any] = field(default_factory=dict)
    rules: tuple[dict[str, Any], ...] = ()
    integrity: str | None = None


@dataclass(frozen=True, slots=True)
class Trigger:
    """A child pipeline from `include`, or one of `project` at `branch`. With `strategy` depend or mirror the
    job follows the status of what it started."""

    project: str | None = None
    branch: str | None = None
    include: tuple[TriggerInclude, ...] = ()
    strategy: str | None = None
    forward_yaml_variables: bool = True
    forward_pipeline_variables: bool = False
    inputs: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Retry:
    max: int = 0
    when: tuple[str, ...] = ("always",)
    exit_codes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class AutoCancel:
    """What a newer commit, or a failed job, cancels."""

    on_new_commit: str | None = None
    on_job_failure: str | None = None


@dataclass(frozen=True, slots=True)
class JobDefinition:
    """`needs` None waits for the stages before; an empty tuple starts at once. `dependencies` None takes
    artifacts from all earlier jobs (or from `needs`). `timeout` is in seconds. Instances of a parallel job are
    jobs of their own: `group` is the name that they share, `node_index` counts from 1 to `node_total`."""

    name: str
    stage: str
    script: tuple[str, ...]
    before_script: tuple[str, ...] = ()
    after_script: tuple[str, ...] = ()
    image: Image | None = None
    services: tuple[Service, ...] = ()
    variables: tuple[Variable, ...] = ()
    tags: tuple[str, ...] = ()
    when: When = When.ON_SUCCESS
    start_in: int | None = None
    allow_failure: bool = False
    allow_failure_exit_codes: tuple[int, ...] = ()
    needs: tuple[Need, ...] | None = None
    dependencies: tuple[str, ...] | None = None
    artifacts: Artifacts | None = None
    retry: Retry = field(default_factory=Retry)
    timeout: int | None = None
    interruptible: bool = False
    cross_needs: tuple[CrossNeed, ...] = ()
    cache: tuple[Cache, ...] = ()
    coverage: str | None = None
    environment: Environment | None = None
    resource_group: str | None = None
    manual_confirmation: str | None = None
    trigger: Trigger | None = None
    release: Release | None = None
    pages: Pages | None = None
    id_tokens: tuple[IdToken, ...] = ()
    secrets: dict[str, Any] = field(default_factory=dict)
    identity: str | None = None
    dast_configuration: dict[str, Any] = field(default_factory=dict)
    pre_get_sources_script: tuple[str, ...] = ()
    run: tuple[Any, ...] = ()
    inputs: tuple[JobInput, ...] = ()
    group: str | None = None
    node_index: int | None = None
    node_total: int | None = None


@dataclass(frozen=True, slots=True)
class PipelineDefinition:
    """`stages` in order, with .pre and .post; `jobs` by stage, then as written. `variables` are the YAML's own,
    which triggered pipelines get."""

    stages: tuple[str, ...]
    jobs: tuple[JobDefinition, ...]
    name: str | None = None
    variables: tuple[Variable, ...] = ()
    auto_cancel: AutoCancel = field(default_factory=AutoCancel)
