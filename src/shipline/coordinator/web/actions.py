"""What a person may do on a page: start, retry or cancel a job, cancel a pipeline. Each leads back to a page."""

from __future__ import annotations

from contextlib import suppress

from django.http import Http404, HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.views.decorators.http import require_POST

from shipline.coordinator import actions
from shipline.coordinator.models import Job
from shipline.coordinator.permissions import NotAllowed, check_may_run_again
from shipline.coordinator.progress import RefusedChange
from shipline.coordinator.web import facts, finding


@require_POST
def job(request: HttpRequest, project: str, job_id: int, action: str) -> HttpResponseBase:
    found = finding.find_job(request, project, job_id)
    if found is None or not facts.may_act(request.user, found.pipeline):
        raise Http404
    # Refused when it has changed since the page was drawn; the page says how it is now.
    with suppress(RefusedChange, NotAllowed):
        check_may_run_again(request.user, found, action)
        found = _do(action, found)
    return HttpResponseRedirect(f"/{found.project.path_with_namespace}/-/jobs/{found.pk}")


def _do(action: str, job: Job) -> Job:
    """Answers the job that is to be looked at now."""
    if action == "play":
        actions.play_job(job)
    elif action == "retry":
        return actions.retry_job(job)
    elif action == "cancel":
        actions.cancel_job(job)
    else:
        raise Http404
    return job


@require_POST
def cancel_pipeline(request: HttpRequest, project: str, pipeline_id: int) -> HttpResponseBase:
    found = finding.find_pipeline(request, project, pipeline_id)
    if found is None or not facts.may_act(request.user, found):
        raise Http404
    actions.cancel_pipeline(found)
    return HttpResponseRedirect(f"/{found.project.path_with_namespace}/-/pipelines/{found.pk}")
