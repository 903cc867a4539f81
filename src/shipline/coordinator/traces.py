"""The logs of jobs."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone

from shipline.coordinator import access
from shipline.coordinator.jobs import is_in_a_runner_s_hands, over
from shipline.coordinator.models import Job
from shipline.coordinator.progress import advance_pipeline, change_status, lock, tell
from shipline.coordinator.refusal import Refusal
from shipline.coordinator.stored import trace_path
from shipline.model.status import JobStatus

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

TRACE_LIMIT = 100 * 1024 * 1024
BLOCK = 1 << 16
# How often the runner sends what is new, in seconds: when somebody looks at the job, and when nobody does.
WATCHED_INTERVAL, UNWATCHED_INTERVAL = 3, 30


def append_trace(job: Job, start: int, content: bytes, *, debug: bool = False) -> int:
    """Add to the log what the runner sends from offset `start`; answers the new size. Raises Refusal 416
    (its size is the job's) when it does not fit, 403 when the log would be too large. `debug`: the log shows
    what the job's variables hold."""
    with transaction.atomic():
        locked = lock(job)
        job.status = locked.status
        if not is_in_a_runner_s_hands(locked):
            raise over(locked)
        if start != locked.trace_size:
            job.trace_size = locked.trace_size
            raise Refusal(416, "416 Range Not Satisfiable")
        if start + len(content) > TRACE_LIMIT:
            status = JobStatus.CANCELED if locked.status == JobStatus.CANCELING else JobStatus.FAILED
            change_status(locked, status, "its log is too large", failure_reason="trace_size_exceeded")
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
            locked.debug_trace = locked.debug_trace or debug
            locked.save(update_fields=["trace_size", "contacted_at", "debug_trace"])
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


def checksum_of(job: Job) -> str:
    """As runners tell it: CRC-32 of all bytes."""
    crc, offset = 0, 0
    while piece := read_trace(job, offset, BLOCK * 16):
        crc = zlib.crc32(piece, crc)
        offset += len(piece)
    return f"crc32:{crc:08x}"


def lines_from_the_end(job: Job) -> Iterator[bytes]:
    """The log's lines, the last first, without reading more of it than is asked for."""
    end, pieces = job.trace_size, list[bytes]()
    while end > 0:
        start = max(0, end - BLOCK)
        block = read_trace(job, start, end - start)
        if not block:
            break
        *found, rest = reversed(block.split(b"\n"))
        if found:
            # The first of these, reversed, is the end of the block: what is behind it belongs to it.
            yield found[0] + b"".join(reversed(pieces))
            yield from found[1:]
            pieces = [rest]
        else:
            pieces.append(rest)
        end = start
    if pieces:
        yield b"".join(reversed(pieces))


def may_read(user: User | AnonymousUser | None, job: Job) -> bool:
    """A log with the values of the job's variables in it is for those who could have read them anyway."""
    return not job.debug_trace or access.level(user, job.project) >= access.DEVELOPER


def notice_lines(job: Job) -> bytes:
    """Our own lines, which stand before the log wherever it is shown."""
    return "".join(f"\x1b[33;1m{line}\x1b[0;m\n" for line in job.notices).encode()
