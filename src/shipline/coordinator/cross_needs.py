"""The artifacts that a job gets: of jobs of its own pipeline, and of other pipelines that it names."""

from __future__ import annotations

from collections.abc import Callable

from shipline.coordinator import access
from shipline.coordinator.artifacts import may_download
from shipline.coordinator.definitions import definition_of
from shipline.coordinator.dependencies import sources_of
from shipline.coordinator.job_variables import hidden, secrets_of, values_of
from shipline.coordinator.lineage import root_of
from shipline.coordinator.models import Job, JobArtifact, Pipeline, Project
from shipline.errors import ShiplineError
from shipline.model.definition import CrossNeed, JobDefinition
from shipline.model.expansion import expand
from shipline.model.status import JobStatus

_Expanded = Callable[[str], str]


class MissingDependency(ShiplineError):
    """What a job needs of another pipeline is not there."""

    code = "missing_dependency"


def artifacts_for(job: Job, definition: JobDefinition) -> list[JobArtifact]:
    """Of its needs, of its dependencies, or of all earlier stages; then of other pipelines. Raises
    MissingDependency."""
    return [*sources_of(job, definition), *_of_others(job, definition)]


def may_fetch(asking: Job, owner: Job) -> bool:
    """Whether a running job may download another's artifacts: within its project, and of other projects what its
    own needs name."""
    if asking.project_id == owner.project_id:
        return True
    try:
        return any(artifact.job_id == owner.pk for artifact in _of_others(asking, definition_of(asking)))
    except MissingDependency:
        return False


def _of_others(job: Job, definition: JobDefinition) -> list[JobArtifact]:
    wanted = [need for need in definition.cross_needs if need.job is not None and need.artifacts]
    if not wanted:
        return []
    value_of = values_of(job, definition).get
    found: list[JobArtifact] = []
    for need in wanted:
        try:
            giver = _giver(job, need, lambda text: expand(text, value_of))
        except MissingDependency as error:
            raise MissingDependency(hidden(str(error), secrets_of(job))) from None
        stored = JobArtifact.objects.select_related("job__project").filter(job=giver).order_by("id")
        if need.project is not None and giver.project_id != job.project_id:
            # Whose code everybody reads may keep what its jobs leave to itself.
            rows = [one for one in stored if may_download(job.pipeline.user, one)]
            if stored and not rows:
                raise MissingDependency(
                    f"the artifacts of job {giver.name} ({giver.pk}) are not for whoever started this pipeline"
                )
        else:
            rows = list(stored)
        if not rows:
            raise MissingDependency(
                f"job {giver.name} ({giver.pk}) of pipeline #{giver.pipeline_id} has no artifacts, or they have "
                "expired: run it again"
            )
        found += rows
    return found


def _giver(job: Job, need: CrossNeed, expanded: _Expanded) -> Job:
    """The newest job of that name that has succeeded."""
    name = expanded(need.job or "")
    rows = Job.objects.filter(name=name, status=JobStatus.SUCCESS, retried=False).order_by("-pk")
    if need.project is not None:
        project, ref = _readable(job, expanded(need.project)), expanded(need.ref or "")
        giver = rows.filter(project=project, pipeline__ref=ref).first()
        where = f"project {project.path_with_namespace} on {ref}"
    else:
        pipeline = _relative(job, expanded(need.pipeline or ""))
        giver = rows.filter(pipeline=pipeline).first()
        where = f"pipeline #{pipeline.pk}"
    if giver is None:
        raise MissingDependency(f"no job {name} of {where} has succeeded yet: run it, then retry this job")
    return giver


def _readable(job: Job, path: str) -> Project:
    project = Project.objects.filter(path_with_namespace__iexact=path).first()
    if project is None or not access.may_read(job.pipeline.user, project):
        raise MissingDependency(
            f"project {path} is not there, or whoever started this pipeline may not see it: ask for access"
        )
    return project


def _relative(job: Job, number: str) -> Pipeline:
    """A pipeline of the same family: the parent, a child, a sibling."""
    digits = number if number.isascii() and number.isdigit() and len(number) < 19 else "0"
    found = Pipeline.objects.filter(pk=int(digits), project=job.project_id).first()
    if found is None or root_of(found).pk != root_of(job.pipeline).pk:
        raise MissingDependency(
            f"pipeline {number!r} is not of the family of #{job.pipeline_id}: needs:pipeline takes the id of the "
            "parent pipeline or of another of its children"
        )
    return found
