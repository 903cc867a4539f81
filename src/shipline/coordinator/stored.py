"""What jobs leave on disk, found and read again: artifacts and logs."""

from __future__ import annotations

from pathlib import Path

from shipline.coordinator import dotenv
from shipline.coordinator.models import JobArtifact
from shipline.coordinator.services import services
from shipline.model.variable import Variable


class Unreadable(Exception):
    """What was stored and checked cannot be read any more."""


def trace_path(job_id: int) -> Path:
    return services().data.coordinator / "traces" / f"{job_id}.log"


def stored_at(artifact: JobArtifact) -> Path:
    return services().data.coordinator / "artifacts" / artifact.file


def read_dotenv(artifact: JobArtifact) -> tuple[Variable, ...]:
    """The variables of a dotenv report. Raises OSError or Unreadable."""
    try:
        return dotenv.parse(dotenv.read(stored_at(artifact)))
    except dotenv.BadDotenv as error:
        raise Unreadable(f"dotenv report of job {artifact.job_id}: {error}") from error
