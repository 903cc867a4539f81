"""The life of a pipeline: given its jobs and the time, what changes next. Pure."""

from shipline.pipeline.advance import advance, enqueue, next_wake, status_of
from shipline.pipeline.state import Change, JobState, PipelineState, RetryJob, Step

__all__ = [
    "Change",
    "JobState",
    "PipelineState",
    "RetryJob",
    "Step",
    "advance",
    "enqueue",
    "next_wake",
    "status_of",
]
