"""Messages of the GitLab Runner API v4, as JSON: what a runner asks for and what a coordinator hands out.

Both sides use these models: the coordinator to build the job payload, the runner to read it. Members we do
not know are ignored, absent and null members are normal (a server may be older or newer than we are).
Source: `lib/api/ci/runner.rb` and `common/spec` of gitlab-runner 16-19, restated.
"""

from __future__ import annotations

from typing import Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

TRACE_CHUNK_LIMIT = 1024 * 1024
REQUEST_LIMIT = 32 * 1024
# What a runner may say of a failed job; a server tells which of these it knows.
FAILURE_REASONS = (
    "unknown_failure", "script_failure", "runner_system_failure", "job_execution_timeout",
    "image_pull_failure", "runner_configuration_error", "runner_external_dependency_failure",
    "runner_interrupted", "job_canceled",
)  # fmt: skip


class Message(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, members: Any) -> Any:
        # Nearly all are whole: a look costs less than a copy.
        if not isinstance(members, dict) or None not in members.values():
            return members
        return {name: value for name, value in members.items() if value is not None}


class JobVariable(Message):
    key: str
    value: str = Field(default="", repr=False)
    public: bool = False
    masked: bool = False
    file: bool = False
    raw: bool = False


class DockerOptions(Message):
    """What a job may ask of the engine. `user` is a name or number, with `:group` if it likes."""

    model_config = ConfigDict(extra="ignore", frozen=True, coerce_numbers_to_str=True)

    platform: str = ""
    user: str = ""


class KubernetesOptions(Message):
    model_config = ConfigDict(extra="ignore", frozen=True, coerce_numbers_to_str=True)

    user: str = ""


class ExecutorOptions(Message):
    """Written, it has only what is asked for: a runner warns of options that it does not know."""

    docker: DockerOptions = DockerOptions()
    kubernetes: KubernetesOptions = KubernetesOptions()

    @model_serializer(mode="wrap")
    def _only_what_is_asked_for(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        given: dict[str, dict[str, str]] = handler(self)
        asked = {name: {key: value for key, value in one.items() if value} for name, one in given.items()}
        return {name: one for name, one in asked.items() if one}


class JobImage(Message):
    """Of the build or of a service. `alias` of a service may hold several, with blanks or commas between."""

    name: str
    alias: str | None = None
    entrypoint: list[str] | None = None
    command: list[str] | None = None
    variables: list[JobVariable] = Field(default_factory=list)
    pull_policy: list[str] = Field(default_factory=list)
    executor_opts: ExecutorOptions = ExecutorOptions()
    ports: list[dict[str, Any]] = Field(default_factory=list)


class JobStep(Message):
    """`timeout` in seconds."""

    name: str
    script: list[str] = Field(default_factory=list)
    timeout: int = 3600
    when: str = "on_success"
    allow_failure: bool = False


class JobArtifact(Message):
    name: str = ""
    untracked: bool = False
    paths: list[str] = Field(default_factory=list)
    exclude: list[str] = Field(default_factory=list)
    when: str = "on_success"
    artifact_type: str = "archive"
    artifact_format: str = "zip"
    expire_in: str = ""


class JobCache(Message):
    """One entry of `cache`. `policy` is pull, push or pull-push; `when` on_success, on_failure or always."""

    key: str = ""
    untracked: bool = False
    policy: str = "pull-push"
    paths: list[str] = Field(default_factory=list)
    when: str = "on_success"
    fallback_keys: list[str] = Field(default_factory=list)


class JobHook(Message):
    """`name` is pre_get_sources_script or post_get_sources_script."""

    name: str
    script: list[str] = Field(default_factory=list)


class JobCredentials(Message):
    type: str
    url: str
    username: str
    password: str = Field(repr=False)


class ArtifactsFile(Message):
    filename: str
    size: int = 0


class JobDependency(Message):
    id: int
    name: str
    token: str = Field(repr=False)
    artifacts_file: ArtifactsFile | None = None


class GitInfo(Message):
    """`ref_type` is branch or tag. `depth` 0 fetches everything."""

    repo_url: str = Field(repr=False)
    ref: str
    sha: str
    before_sha: str = ""
    ref_type: str = "branch"
    refspecs: list[str] = Field(default_factory=list)
    depth: int = 20
    protected: bool | None = None
    repo_object_format: str = "sha1"


class JobInfo(Message):
    id: int | None = None
    name: str
    stage: str = ""
    pipeline_id: int = 0
    project_id: int = 0
    project_name: str = ""
    project_full_path: str = ""
    namespace_id: int | None = None
    root_namespace_id: int | None = None
    organization_id: int | None = None
    instance_id: str = ""
    instance_uuid: str = ""
    user_id: int | None = None
    scoped_user_id: int | None = None
    time_in_queue_seconds: float | None = None
    project_jobs_running_on_instance_runners_count: str = ""
    queue_size: int = 0
    queue_depth: int = 0


class RunnerInfo(Message):
    """`timeout` of the whole job in seconds."""

    timeout: int = 3600
    runner_session_url: str | None = None
    uuid: str = ""


class JobInputValue(Message):
    type: str = "string"
    content: Any = None
    sensitive: bool = False


class JobInput(Message):
    key: str
    value: JobInputValue = JobInputValue()


class PolicyOptions(Message):
    """Of security policies, which there are none of here."""

    execution_policy_job: bool = False
    policy_name: str = ""
    policy_variables_override_allowed: bool | None = None
    policy_variables_override_exceptions: list[str] = Field(default_factory=list)


class JobFeatures(Message):
    trace_sections: bool = False
    token_mask_prefixes: list[str] = Field(default_factory=list)
    failure_reasons: list[str] = Field(default_factory=list)


class JobPayload(Message):
    """The answer 201 to POST /api/v4/jobs/request. `run` is the JSON text of `run:`, empty without it."""

    id: int
    token: str = Field(repr=False)
    allow_git_fetch: bool = True
    job_info: JobInfo
    git_info: GitInfo
    runner_info: RunnerInfo = RunnerInfo()
    inputs: list[JobInput] = Field(default_factory=list)
    variables: list[JobVariable] = Field(default_factory=list)
    steps: list[JobStep] = Field(default_factory=list)
    image: JobImage | None = None
    services: list[JobImage] = Field(default_factory=list)
    artifacts: list[JobArtifact] = Field(default_factory=list)
    cache: list[JobCache] = Field(default_factory=list)
    hooks: list[JobHook] = Field(default_factory=list)
    credentials: list[JobCredentials] = Field(default_factory=list)
    dependencies: list[JobDependency] = Field(default_factory=list)
    features: JobFeatures = JobFeatures()
    secrets: dict[str, Any] = Field(default_factory=dict)
    run: str = ""
    policy_options: PolicyOptions = PolicyOptions()

    def as_json(self) -> str:
        """Without `run` when there is none: a runner of today reads it as JSON whenever it is there, and an empty
        text is none."""
        return self.model_dump_json(exclude=None if self.run else {"run"})


class RunnerFeatures(Message):
    """What a runner can do; each member a runner does not send counts as False."""

    model_config = ConfigDict(extra="allow", frozen=True)

    variables: bool = False
    image: bool = False
    services: bool = False
    artifacts: bool = False
    cache: bool = False
    fallback_cache_keys: bool = False
    upload_multiple_artifacts: bool = False
    upload_raw_artifacts: bool = False
    refspecs: bool = False
    masking: bool = False
    raw_variables: bool = False
    artifacts_exclude: bool = False
    multi_build_steps: bool = False
    return_exit_code: bool = False
    trace_reset: bool = False
    trace_checksum: bool = False
    trace_size: bool = False
    cancelable: bool = False
    cancel_gracefully: bool = False
    service_variables: bool = False
    service_multiple_aliases: bool = False
    image_executor_opts: bool = False
    service_executor_opts: bool = False
    two_phase_job_commit: bool = False


class RunnerVersionInfo(Message):
    name: str = ""
    version: str = ""
    revision: str = ""
    platform: str = ""
    architecture: str = ""
    executor: str = ""
    shell: str = ""
    features: RunnerFeatures = RunnerFeatures()


class JobRequest(Message):
    """POST /api/v4/jobs/request. `last_update` is the X-GitLab-Last-Update of the answer before."""

    token: str = Field(repr=False)
    system_id: str = ""
    last_update: str = ""
    info: RunnerVersionInfo = RunnerVersionInfo()


class TraceOutput(Message):
    """`checksum` is `crc32:` and 8 hex digits over all bytes of the log, `bytesize` their number."""

    checksum: str = ""
    bytesize: int = 0


class JobUpdate(Message):
    """PUT /api/v4/jobs/:id. `state` is pending, running, success or failed."""

    token: str = Field(default="", repr=False)
    state: str = ""
    failure_reason: str = ""
    checksum: str = ""
    output: TraceOutput | None = None
    exit_code: int | None = None
    info: RunnerVersionInfo | None = None


class VerifyRequest(Message):
    token: str = Field(repr=False)
    system_id: str = ""
    info: RunnerVersionInfo = RunnerVersionInfo()
