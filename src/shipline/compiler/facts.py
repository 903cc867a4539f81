"""What the compiler must know besides the text: about the server, the project and what the pipeline is for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from shipline.model.variable import Variable


class RuleError(Exception):
    """A rule that cannot be decided: its `compare_to` or `exists:project` leads nowhere. GitLab's words."""


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """`url` without a trailing slash. `registry` is the registry's name in image names, empty if none."""

    url: str
    registry: str = ""
    version: str = "17.0.0"


@dataclass(frozen=True, slots=True)
class ProjectFacts:
    """`namespace_id` 0: not known."""

    id: int
    path_with_namespace: str
    default_branch: str = "main"
    visibility: str = "private"
    description: str = ""
    namespace_id: int = 0
    topics: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    config_path: str = ".gitlab-ci.yml"


@dataclass(frozen=True, slots=True)
class CommitFacts:
    """`timestamp` is ISO 8601. `message` is whole, with its title in the first line."""

    sha: str
    before_sha: str = "0" * 40
    message: str = ""
    author: str = ""
    timestamp: str = ""


@dataclass(frozen=True, slots=True)
class UserFacts:
    """Who started the pipeline."""

    id: int = 0
    login: str = ""
    name: str = ""
    email: str = ""


@dataclass(frozen=True, slots=True)
class MergeRequestFacts:
    """`event_type` is detached, merged_result or merge_train. A source project that is not told is the target."""

    iid: int
    source_branch: str
    target_branch: str
    id: int = 0
    title: str = ""
    description: str = ""
    labels: tuple[str, ...] = ()
    milestone: str = ""
    assignees: tuple[str, ...] = ()
    draft: bool = False
    approved: bool = False
    squash: bool = False
    event_type: str = "detached"
    diff_id: int = 0
    diff_base_sha: str = ""
    source_sha: str = ""
    target_sha: str = ""
    source_protected: bool = False
    target_protected: bool = False
    source_project_id: int = 0
    source_project_path: str = ""


@dataclass(frozen=True, slots=True)
class UpstreamFacts:
    """The pipeline that triggered this one, and its job."""

    pipeline_id: int
    project_id: int
    job_id: int


def _no_ref(ref: str) -> frozenset[str]:
    raise RuleError("rules:changes:compare_to is not a valid ref")


def _nothing(environment: str) -> tuple[Variable, ...]:
    return ()


def _no_project(project: str, ref: str | None) -> frozenset[str]:
    raise RuleError(f"rules:exists:project `{project}` not found or access denied")


@dataclass(frozen=True, slots=True)
class PushFacts:
    """What a pipeline is created for.

    `ref` is the branch or tag, in a merge request the source branch. `ref_type` is branch or tag; `source` as
    CI_PIPELINE_SOURCE (push, web, api, schedule, ...). Variables are in two groups because those of the YAML
    stand between them: `predefined` below, `settings` (of project and pipeline, already filtered by
    protection) above; `set_for` gives those that the jobs of one environment see instead. `changed_paths`
    None: no diff is known. `changed_since` gives the changes since another ref and raises RuleError where there
    is none. The compiler itself fills in `tracked_in`, the files of another project.
    """

    ref: str
    ref_type: str = "branch"
    source: str = "push"
    protected: bool = False
    predefined: tuple[Variable, ...] = ()
    settings: tuple[Variable, ...] = ()
    set_for: Callable[[str], tuple[Variable, ...]] = _nothing
    changed_paths: frozenset[str] | None = None
    tracked_paths: Callable[[], frozenset[str]] = frozenset
    project_path: str = ""
    user: UserFacts | None = None
    merge_request: MergeRequestFacts | None = None
    upstream: UpstreamFacts | None = None
    schedule_description: str = ""
    tag_message: str = ""
    changed_since: Callable[[str], frozenset[str]] = _no_ref
    tracked_in: Callable[[str, str | None], frozenset[str]] = _no_project
