"""The pages of environments."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.views.decorators.http import require_GET, require_POST

from shipline.coordinator import environments
from shipline.coordinator.models import Environment
from shipline.coordinator.web import environment_facts, finding
from shipline.coordinator.web.pages import missing, page


@require_GET
def index(request: HttpRequest, project: str) -> HttpResponseBase:
    """`?state=stopped` gives the stopped ones, `?page=2` those that come next."""
    found = finding.find_project(request, project)
    if found is None:
        return missing(request)
    number = request.GET.get("page", "1")
    context = environment_facts.list_facts(
        found,
        request.user,
        of_stopped=request.GET.get("state") == "stopped",
        number=max(1, int(number)) if number.isascii() and number.isdigit() and len(number) < 7 else 1,
    )
    return page(request, "environments.html", context)


def _find(request: HttpRequest, project: str, environment_id: int) -> Environment | None:
    found = finding.find_project(request, project)
    if found is None:
        return None
    return Environment.objects.select_related("project").filter(project=found, pk=environment_id).first()


@require_GET
def show(request: HttpRequest, project: str, environment_id: int) -> HttpResponseBase:
    found = _find(request, project, environment_id)
    if found is None:
        return missing(request)
    return page(request, "environment.html", environment_facts.environment_facts(found, request.user))


@require_POST
def stop(request: HttpRequest, project: str, environment_id: int) -> HttpResponseBase:
    found = _find(request, project, environment_id)
    if found is None or not environments.may_stop(request.user, found):
        raise Http404
    environments.stop(found)
    return HttpResponseRedirect(f"/{found.project.path_with_namespace}/-/environments")
