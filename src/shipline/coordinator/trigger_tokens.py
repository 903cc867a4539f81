"""Tokens that start pipelines: those made for it, and those that running jobs have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from shipline.coordinator import access, tokens
from shipline.coordinator.asked import Asked, Created, RefUpdate
from shipline.coordinator.lineage import ancestors, family_size, line_of
from shipline.coordinator.models import Job, Project, TriggerToken
from shipline.coordinator.permissions import NotAllowed, check_may_give, check_may_run
from shipline.coordinator.pipelines import create_pipeline
from shipline.coordinator.refusal import Refusal
from shipline.coordinator.repositories import ZERO
from shipline.coordinator.services import services
from shipline.model.variable import Variable
from shipline.pipeline.bridges import REASONS, refusal

if TYPE_CHECKING:
    from django.contrib.auth.models import User

PREFIX = "glptt-"
SHOWN = 4


def create_token(project: Project, owner: User, description: str) -> tuple[TriggerToken, str]:
    """The row, and the token, which is never shown again."""
    token = tokens.fresh(PREFIX)
    row = TriggerToken.objects.create(
        project=project,
        owner=owner,
        description=description,
        token_hash=tokens.digest(token),
        short_token=token.removeprefix(PREFIX)[:SHOWN],
    )
    return row, token


def trigger(
    project: Project | None, token: str, ref: str, variables: Mapping[str, str], inputs: Mapping[str, Any]
) -> Created:
    """A pipeline for whoever has `token`. Raises Refusal: a wrong token sees no project."""
    row, job = _row(project, token), tokens.job_of(token)
    user = row.owner if row is not None else job.pipeline.user if job is not None else None
    if project is None or (row is None and job is None) or not access.may_read(user, project):
        raise Refusal(404, "404 Not Found")
    found = services().repositories.ref(project.pk, ref)
    if found is None:
        raise Refusal(400, "Reference not found")
    ref_type, sha = found
    name = ref.removeprefix("refs/heads/").removeprefix("refs/tags/")
    if job is not None:
        _check_line(job)
    try:
        check_may_run(user, project, ref_type, name)
        check_may_give(user, project, variables)
    except NotAllowed as error:
        raise Refusal(400, str(error)) from error
    if row is not None:
        TriggerToken.objects.filter(pk=row.pk).update(last_used=timezone.now())
    given = tuple(Variable(key, value, public=False) for key, value in variables.items())
    asked = Asked(variables=given, inputs=inputs, upstream=job)
    source = "trigger" if row is not None else "pipeline"
    return create_pipeline(project, RefUpdate(name, ref_type, ZERO, sha), user, source, asked)


def _row(project: Project | None, token: str) -> TriggerToken | None:
    if project is None or not token or len(token) > tokens.LENGTH_LIMIT:
        return None
    rows = TriggerToken.objects.select_related("owner").filter(project=project, owner__is_active=True)
    return rows.filter(token_hash=tokens.digest(token)).first()


def _check_line(job: Job) -> None:
    line = line_of(job.pipeline)
    reason = refusal(child=False, line=ancestors(line), family=family_size(line[-1]))
    if reason is not None:
        raise Refusal(400, f"{reason}: {REASONS[reason]}")
