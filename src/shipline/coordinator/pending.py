"""The pending jobs, as the hand-out reads them: by demand (`demand.py`), never one by one."""

from __future__ import annotations

import time
from collections.abc import Iterator

from django.db import connection
from django.db.models import QuerySet

from shipline.coordinator.database import often
from shipline.coordinator.demand import read
from shipline.coordinator.matching import Waiting
from shipline.coordinator.models import Job
from shipline.coordinator.prepared import Prepared
from shipline.coordinator.services import services
from shipline.model.status import JobStatus

# So many are counted for `queue_size`, which runners show in their metrics.
COUNTED = 1000
# Of a pipeline of a thousand jobs these are long texts, and no job is made of them.
NOT_FOR_RUNNERS = ("decisions", "errors", "stages", "auto_cancel")
# For each demand its oldest job: from one demand to the next larger by the index, whatever lies between.
_FIRST_OF_EACH = """
WITH RECURSIVE found (demand) AS (
    SELECT min(demand) FROM coordinator_job WHERE status = 'pending'
    UNION ALL
    SELECT (SELECT min(job.demand) FROM coordinator_job job
            WHERE job.status = 'pending' AND job.demand > found.demand)
    FROM found WHERE found.demand IS NOT NULL
)
SELECT demand, (SELECT job.id FROM coordinator_job job
                WHERE job.status = 'pending' AND job.demand = found.demand AND job.runner_manager_id IS NULL
                ORDER BY job.id LIMIT 1)
FROM found WHERE demand IS NOT NULL
"""
_COUNT = """
SELECT count(*) FROM (SELECT 1 FROM coordinator_job WHERE status = 'pending' AND demand = %s LIMIT %s) counted
"""


def of_demand(demand: str) -> QuerySet[Job]:
    """Those that no runner's manager has, the oldest first."""
    rows = Job.objects.filter(status=JobStatus.PENDING, demand=demand, runner_manager=None)
    return rows.order_by("id")


def first_of_each() -> Iterator[tuple[str, Waiting]]:
    """For each demand the oldest job, read without a lock."""
    with often() as cursor:
        cursor.execute(_FIRST_OF_EACH)
        rows = cursor.fetchall()
    for word, first in rows:
        if first is not None:
            demand = read(word)
            yield word, Waiting(first, demand.project_id, _tags(demand.tags, first), demand.protected)


def _tags(tags: tuple[str, ...] | None, job_id: int) -> tuple[str, ...]:
    if tags is not None:
        return tags
    return tuple(Job.objects.values_list("definition__tags", flat=True).get(pk=job_id) or ())


def lock_first(demand: str) -> Job | None:
    """The oldest that no other transaction has in its hands, ours until the end of this one. On PostgreSQL
    nobody waits for anybody (SKIP LOCKED); on SQLite transactions come one after the other anyway."""
    return _FIRST.first(demand)


def _first(demand: str) -> QuerySet[Job]:
    related = (
        of_demand(demand)
        .select_related(
            "pipeline", "project", "pipeline__user", "project__ci_settings", "environment", "resource_group"
        )
        .defer(*(f"pipeline__{name}" for name in NOT_FOR_RUNNERS))
    )
    if connection.features.has_select_for_update_skip_locked:
        related = related.select_for_update(of=("self",), skip_locked=True, no_key=True)
    return related[:1]


_FIRST = Prepared(_first, "a demand")


def count(demands: list[str]) -> int:
    """How many there are, as far as COUNTED; large numbers are rough."""
    return services().counts.of(("pending", *demands), time.monotonic(), lambda: _count(demands))


def _count(demands: list[str]) -> int:
    counted = 0
    with often() as cursor:
        for demand in demands:
            cursor.execute(_COUNT, [demand, COUNTED - counted])
            counted += cursor.fetchone()[0]
            if counted >= COUNTED:
                break
    return counted
