"""What a job waits for that is created and no more: told by the rules that `advance` decides by. Pure."""

from __future__ import annotations

from shipline.model.status import JobStatus
from shipline.pipeline.advance import is_done
from shipline.pipeline.state import JobState, PipelineState

NAMED = 3


def awaited(pipeline: PipelineState, job: JobState) -> tuple[JobState, ...]:
    """The jobs that keep this one from being decided, in their order."""
    current = pipeline.current()
    if job.needs is None:
        return tuple(other for other in current if other.stage < job.stage and not is_done(other))
    needed = {need.job for need in job.needs}
    # Somebody may start it yet: until then what it would give is not there.
    return tuple(
        other
        for other in current
        if other.name in needed and (not is_done(other) or other.status is JobStatus.MANUAL)
    )


def told(waiting_for: tuple[JobState, ...]) -> str:
    """`waits for build, lint and 4 more`; nothing when there is nothing that it waits for."""
    if not waiting_for:
        return ""
    names = [_named(one) for one in waiting_for[:NAMED]]
    more = len(waiting_for) - NAMED
    if more > 0:
        return f"waits for {', '.join(names)} and {more} more"
    return f"waits for {' and '.join([*([', '.join(names[:-1])] if names[1:] else []), names[-1]])}"


def _named(job: JobState) -> str:
    return f"{job.name}, which somebody has to start" if job.status is JobStatus.MANUAL else job.name
