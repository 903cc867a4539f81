"""A compiled pipeline: what shall run, with every default and template resolved. Printable, comparable.

The compiler makes it, the coordinator stores it, the life-cycle walks it, the runner gets it job by job.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

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
    """`entrypoint` None keeps the image's own; an empty list in it means none at all."""

    name: str
    entrypoint: tuple[str, ...] | None = None
    pull_policy: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Service:
    """`alias` may hold several host names, separated by blanks or commas."""

    name: str
    alias: str | None = None
    entrypoint: tuple[str, ...] | None = None
    command: tuple[str, ...] | None = None
    variables: tuple[Variable, ...] = ()
    pull_policy: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Artifacts:
    """`reports` maps a report type (junit, dotenv, ...) to its paths."""

    paths: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    name: str | None = None
    untracked: bool = False
    when: str = "on_success"
    expire_in: str | None = None
    reports: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class Need:
    job: str
    artifacts: bool = True
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Retry:
    max: int = 0
    when: tuple[str, ...] = ("always",)
    exit_codes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class JobDefinition:
    """`needs` None waits for the stages before; an empty tuple starts at once. `dependencies` None takes
    artifacts from all earlier jobs (or from `needs`). `timeout` is in seconds."""

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


@dataclass(frozen=True, slots=True)
class PipelineDefinition:
    """`stages` in order, with .pre and .post; `jobs` by stage, then as written."""

    stages: tuple[str, ...]
    jobs: tuple[JobDefinition, ...]
    name: str | None = None
