"""What jobs leave behind: stored, checked, read again."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path

from django.db import transaction
from django.utils import timezone

from shipline.coordinator.dotenv import check_dotenv
from shipline.coordinator.jobs import is_live, over
from shipline.coordinator.models import Job, JobArtifact
from shipline.coordinator.progress import lock
from shipline.coordinator.refusal import Refusal
from shipline.coordinator.services import services
from shipline.model.duration import parse_duration

ARTIFACT_LIMIT = 1024 * 1024 * 1024
DEFAULT_EXPIRY = timedelta(days=30)


def store_artifact(
    job: Job,
    source: Path,
    *,
    file_type: str,
    file_format: str,
    filename: str,
    size: int,
    sha256: str,
    expire_in: str,
) -> JobArtifact:
    """Take over a file that was received whole and is on disk. Raises Refusal 400 when the job has one of
    that type."""
    if file_type == "dotenv":
        check_dotenv(source, file_format)
    folder = Path(str(job.project_id)) / str(job.pk)
    relative = folder / f"{file_type}.{file_format}"
    target = services().data.coordinator / "artifacts" / relative
    target.parent.mkdir(parents=True, exist_ok=True)
    with transaction.atomic():
        # From here on nobody else stores one of the same type: neither the row nor the file is another's.
        locked = lock(job)
        if not is_live(locked):
            raise over(locked)
        existing = JobArtifact.objects.filter(job=job, file_type=file_type).first()
        if existing is not None:
            if existing.sha256 == sha256:
                return existing
            raise Refusal(400, "400 Bad request - another artifact of the same type already exists")
        source.replace(target)
        _sync(target.parent)
        return JobArtifact.objects.create(
            job=job,
            file_type=file_type,
            file_format=file_format,
            filename=filename,
            file=str(relative),
            size=size,
            sha256=sha256,
            expire_at=_expiry(expire_in),
        )


def _sync(folder: Path) -> None:
    """A file's name is on disk only when its folder is."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _expiry(expire_in: str) -> datetime | None:
    if expire_in == "never":
        return None
    try:
        seconds = parse_duration(expire_in) if expire_in else None
        return timezone.now() + (timedelta(seconds=seconds) if seconds else DEFAULT_EXPIRY)
    except OverflowError:
        # Later than any date is never.
        return None
