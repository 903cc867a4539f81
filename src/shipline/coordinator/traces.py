"""The logs of jobs."""

from __future__ import annotations

import os
from pathlib import Path

from django.db import transaction
from django.utils import timezone

from shipline.coordinator.jobs import is_live, over
from shipline.coordinator.models import Job
from shipline.coordinator.progress import advance_pipeline, change_status, lock, tell
from shipline.coordinator.refusal import Refusal
from shipline.coordinator.services import services
from shipline.model.status import JobStatus

TRACE_LIMIT = 100 * 1024 * 1024


def trace_path(job_id: int) -> Path:
    return services().data.coordinator / "traces" / f"{job_id}.log"


def append_trace(job: Job, start: int, content: bytes) -> int:
    """Add to the log what the runner sends from offset `start`; answers the new size. Raises Refusal 416
    (its size is the job's) when it does not fit, 403 when the log would be too large."""
    with transaction.atomic():
        locked = lock(job)
        if not is_live(locked):
            raise over(locked)
        if start != locked.trace_size:
            job.trace_size = locked.trace_size
            raise Refusal(416, "416 Range Not Satisfiable")
        if start + len(content) > TRACE_LIMIT:
            change_status(
                locked, JobStatus.FAILED, "its log is too large", failure_reason="trace_size_exceeded"
            )
            advance_pipeline(job.pipeline_id)
        else:
            with trace_path(job.pk).open("ab") as file:
                # What a crash left behind the last size that was answered is not part of the log.
                file.truncate(start)
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            locked.trace_size = job.trace_size = start + len(content)
            locked.contacted_at = timezone.now()
            locked.save(update_fields=["trace_size", "contacted_at"])
        tell(f"job:{job.pk}")
    if locked.failure_reason == "trace_size_exceeded":
        raise Refusal(403, "403 Forbidden - the job's log exceeded the limit")
    return locked.trace_size


def read_trace(job: Job, start: int = 0, limit: int = TRACE_LIMIT) -> bytes:
    """The log as its runner sent it."""
    try:
        with trace_path(job.pk).open("rb") as file:
            file.seek(start)
            return file.read(min(limit, max(0, job.trace_size - start)))
    except FileNotFoundError:
        return b""


def notice_lines(job: Job) -> bytes:
    """Our own lines, which stand before the log wherever it is shown."""
    return "".join(f"\x1b[33;1m{line}\x1b[0;m\n" for line in job.notices).encode()
