"""What the compiler must know besides the text: about the server, the project and the push."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from shipline.model.variable import Variable


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """`url` without a trailing slash. `registry` is the registry's name in image names, empty if none."""

    url: str
    registry: str = ""
    version: str = "17.0.0"


@dataclass(frozen=True, slots=True)
class ProjectFacts:
    id: int
    path_with_namespace: str
    default_branch: str = "main"
    visibility: str = "private"
    description: str = ""


@dataclass(frozen=True, slots=True)
class CommitFacts:
    """`timestamp` is ISO 8601. `message` is whole, with its title in the first line."""

    sha: str
    before_sha: str = "0" * 40
    message: str = ""
    author: str = ""
    timestamp: str = ""


@dataclass(frozen=True, slots=True)
class PushFacts:
    """What a pipeline is created for.

    `ref_type` is branch or tag; `source` as CI_PIPELINE_SOURCE (push, web, api, schedule, ...). Variables are
    in two groups because those of the YAML stand between them: `predefined` below, `settings` (of project
    and pipeline, already filtered by protection) above. `changed_paths` None: no diff is known.
    """

    ref: str
    ref_type: str = "branch"
    source: str = "push"
    protected: bool = False
    predefined: tuple[Variable, ...] = ()
    settings: tuple[Variable, ...] = ()
    changed_paths: frozenset[str] | None = None
    tracked_paths: Callable[[], frozenset[str]] = frozenset
    project_path: str = ""
