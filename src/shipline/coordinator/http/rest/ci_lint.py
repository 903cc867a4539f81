"""CI lint: a configuration checked, without a pipeline."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest
from ninja import Query, Router, Schema

from shipline.compiler import Compiled
from shipline.compiler.present.merged import as_yaml
from shipline.coordinator.access import Ability
from shipline.coordinator.configuration import configuration_of
from shipline.coordinator.http.rest.lookup import find_project, me
from shipline.coordinator.lint import NO_REF, lint, words
from shipline.coordinator.models import Project
from shipline.coordinator.services import services
from shipline.model.definition import JobDefinition

router = Router()


class LintContent(Schema):
    """`ref` is what a dry run is for; the default branch when it is not given."""

    content: str
    dry_run: bool = False
    include_jobs: bool = False
    ref: str = ""


class LintCommit(Schema):
    """`content_ref` (formerly `sha`) is the commit to check, `dry_run_ref` (formerly `ref`) what a dry run is for."""

    content_ref: str = ""
    sha: str = ""
    dry_run: bool = False
    dry_run_ref: str = ""
    ref: str = ""
    include_jobs: bool = False


@router.post("/projects/{project_id}/ci/lint")
def lint_content(request: HttpRequest, project_id: str, body: LintContent) -> dict[str, Any]:
    project = find_project(request, project_id, Ability.CREATE_PIPELINE)
    ref = body.ref or project.default_branch
    sha = services().repositories.resolve(project.pk, ref) or _head(project)
    found = lint(project, body.content.encode(), ref, me(request), sha=sha)
    return _result(found, dry_run=body.dry_run, include_jobs=body.include_jobs)


@router.get("/projects/{project_id}/ci/lint")
def lint_commit(request: HttpRequest, project_id: str, asked: Query[LintCommit]) -> dict[str, Any]:
    project = find_project(request, project_id, Ability.READ_CODE)
    if _head(project) is None:
        raise Http404("Repository")
    sha = services().repositories.resolve(
        project.pk, asked.content_ref or asked.sha or project.default_branch
    )
    if sha is None:
        raise Http404("Commit")
    content = configuration_of(project, sha)[1] or b""
    ref = asked.dry_run_ref or asked.ref or project.default_branch
    found = lint(project, content, ref, me(request), sha=sha)
    return _result(found, dry_run=asked.dry_run, include_jobs=asked.include_jobs)


def _head(project: Project) -> str | None:
    return services().repositories.resolve(project.pk, "HEAD")


def _result(compiled: Compiled | None, *, dry_run: bool, include_jobs: bool) -> dict[str, Any]:
    if compiled is None:
        return {"valid": False, "errors": [NO_REF], "warnings": [], "merged_yaml": None, "includes": []} | (
            {"jobs": []} if include_jobs else {}
        )
    # Without a dry run only the file counts; a dry run is right when a pipeline would be created.
    valid = compiled.pipeline is not None if dry_run else compiled.valid
    errors = compiled.errors if dry_run or not valid else ()
    result: dict[str, Any] = {
        "valid": valid,
        "errors": [words(problem) for problem in errors],
        "warnings": [words(problem) for problem in compiled.warnings],
        "merged_yaml": as_yaml(compiled.merged) if compiled.merged is not None else None,
        "includes": [],
    }
    if include_jobs:
        result["jobs"] = [_job(job) for job in (compiled.pipeline.jobs if compiled.pipeline else ())]
    return result


def _job(job: JobDefinition) -> dict[str, Any]:
    return {
        "name": job.name,
        "stage": job.stage,
        "before_script": list(job.before_script),
        "script": list(job.script),
        "after_script": list(job.after_script),
        "tag_list": list(job.tags),
        "environment": job.environment.name if job.environment is not None else None,
        "when": str(job.when),
        "allow_failure": job.allow_failure,
        "needs": None
        if job.needs is None
        else [
            {"name": need.job, "artifacts": need.artifacts, "optional": need.optional} for need in job.needs
        ],
    }
