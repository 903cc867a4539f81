"""Pipelines at set times."""

from __future__ import annotations

import logging
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db import InterfaceError, OperationalError

from shipline.coordinator.asked import Asked, Created, RefUpdate
from shipline.coordinator.cron import InvalidSchedule, next_time
from shipline.coordinator.models import PipelineSchedule
from shipline.coordinator.one_by_one import one_by_one
from shipline.coordinator.permissions import NotAllowed, check_may_give, check_may_run
from shipline.coordinator.pipelines import create_pipeline
from shipline.coordinator.repositories import ZERO
from shipline.coordinator.services import services
from shipline.model.variable import Variable

if TYPE_CHECKING:
    from django.contrib.auth.models import User


def plan(schedule: PipelineSchedule, now: datetime) -> None:
    """Work out when it runs next. Raises InvalidSchedule."""
    found = next_time(schedule.cron, schedule.cron_timezone, now)
    schedule.next_run_at = found if schedule.active else None


def plan_anew(now: datetime) -> None:
    """After the clock was wrong: no schedule waits longer than its times say. What is due stays so."""
    for schedule in PipelineSchedule.objects.filter(active=True, next_run_at__gt=now):
        before = schedule.next_run_at
        with suppress(InvalidSchedule):
            plan(schedule, now)
            if schedule.next_run_at is not None and before is not None and schedule.next_run_at < before:
                _take(schedule, before)


def run_due(now: datetime) -> None:
    """Run what is due. Times that were missed, while nobody was here, are made up for once, all together."""
    rows = PipelineSchedule.objects.select_related("project", "owner").order_by("next_run_at")
    due = rows.filter(active=True, next_run_at__lte=now)
    one_by_one(due, lambda schedule: _run_due(schedule, now), "schedules")


def _run_due(schedule: PipelineSchedule, now: datetime) -> None:
    due = schedule.next_run_at
    problem = _attempt(schedule, now)
    # Of a pipeline that was not made: it is not tried again and again.
    _take(schedule, due)
    PipelineSchedule.objects.filter(pk=schedule.pk).update(last_problem=problem[:1000])


def _attempt(schedule: PipelineSchedule, now: datetime) -> str:
    """Why there is no pipeline, or nothing."""
    due = schedule.next_run_at
    try:
        plan(schedule, now)
        created = run(schedule, schedule.owner, due)
    except InvalidSchedule as error:
        # Its time zone may have gone with an update of the system.
        schedule.next_run_at = None
        return str(error)
    except NotAllowed as error:
        return str(error)
    except (InterfaceError, OperationalError):
        # The database is busy or away: its time has come, and it is tried again.
        raise
    except Exception:
        logging.getLogger(__name__).exception("schedule %s cannot be run", schedule.pk)
        return "The coordinator's log says what went wrong."
    return created.why_not if created.pipeline is None else ""


def run(schedule: PipelineSchedule, user: User | None, due: datetime | None = None) -> Created:
    """One pipeline of it, in the name of `user`. `due` None: because somebody wants it now. Raises NotAllowed."""
    project = schedule.project
    found = services().repositories.ref(project.pk, schedule.ref)
    if found is None:
        return Created(
            None, why_not=f"Reference not found: there is neither a branch nor a tag {schedule.ref}"
        )
    ref_type, sha = found
    name = schedule.ref.removeprefix("refs/heads/").removeprefix("refs/tags/")
    check_may_run(user, project, ref_type, name)
    check_may_give(user, project, schedule.variables)
    asked = Asked(
        variables=tuple(_variable(one) for one in schedule.variables),
        inputs=schedule.inputs,
        schedule=schedule,
        claim=lambda: due is None or _take(schedule, due),
    )
    return create_pipeline(project, RefUpdate(name, ref_type, ZERO, sha), user, "schedule", asked)


def _take(schedule: PipelineSchedule, due: datetime | None) -> bool:
    """Go on to the next time; False when that was done already."""
    rows = PipelineSchedule.objects.filter(pk=schedule.pk, next_run_at=due)
    return bool(rows.update(next_run_at=schedule.next_run_at))


def _variable(one: dict[str, Any]) -> Variable:
    is_file = one.get("variable_type") == "file"
    return Variable(one["key"], one["value"], public=False, file=is_file, raw=bool(one.get("raw")))
