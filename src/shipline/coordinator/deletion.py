"""Use cases: projects, groups and pipelines go, with all that lies on disk of them."""

from __future__ import annotations

import shutil

from django.db import transaction
from django.db.models import QuerySet

from shipline.coordinator.access_tokens import remove_bots
from shipline.coordinator.downstream import pipeline_deleted
from shipline.coordinator.groups import within
from shipline.coordinator.models import Group, Job, Pipeline, Project
from shipline.coordinator.progress import tell
from shipline.coordinator.services import services
from shipline.coordinator.stored import trace_path
from shipline.model.status import JobStatus


def delete_project(project: Project) -> None:
    """All of it: rows first, so that a crash leaves files that nobody finds rather than rows of files that are
    gone. Jobs that run are told so at their runner's next word: they are not there any more."""
    jobs = list(Job.objects.filter(project=project).values_list("pk", flat=True))
    pk = project.pk
    # Trigger jobs of other projects that wait for a pipeline of this one.
    waiting = _waiting_for(Pipeline.objects.filter(project=project)).exclude(project=project)
    pipelines = list(Pipeline.objects.filter(project=project).values_list("pk", flat=True))
    with transaction.atomic():
        left = list(waiting)
        # Who looks at one is told that there is nothing any more.
        tell(*(f"pipeline:{one}" for one in pipelines))
        remove_bots(project.access_tokens.all())
        project.delete()
        for bridge in left:
            pipeline_deleted(bridge)
    shutil.rmtree(services().repositories.path(pk), ignore_errors=True)
    shutil.rmtree(services().data.coordinator / "artifacts" / str(pk), ignore_errors=True)
    for job in jobs:
        trace_path(job).unlink(missing_ok=True)


def delete_pipeline(pipeline: Pipeline) -> None:
    """With its jobs, their logs and artifacts, and the ref that kept its commit."""
    jobs = list(Job.objects.filter(pipeline=pipeline).values_list("pk", flat=True))
    project, pk = pipeline.project_id, pipeline.pk
    with transaction.atomic():
        left = list(_waiting_for(Pipeline.objects.filter(pk=pk)))
        tell(f"pipeline:{pk}")
        pipeline.delete()
        for bridge in left:
            pipeline_deleted(bridge)
    for job in jobs:
        trace_path(job).unlink(missing_ok=True)
        shutil.rmtree(services().data.coordinator / "artifacts" / str(project) / str(job), ignore_errors=True)
    services().repositories.forget_pipeline(project, pk)


def _waiting_for(pipelines: QuerySet[Pipeline]) -> QuerySet[Job]:
    return Job.objects.filter(downstream_pipelines__in=pipelines, bridge=True, status=JobStatus.RUNNING)


def delete_group(group: Group) -> None:
    """With every group and project in it."""
    groups, projects = within(group)
    for project in Project.objects.filter(projects):
        delete_project(project)
    with transaction.atomic():
        for row in [*Group.objects.filter(groups), group]:
            remove_bots(row.access_tokens.all())
            row.delete()
