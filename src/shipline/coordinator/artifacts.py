"""What jobs leave behind: stored, checked, read again."""

from __future__ import annotations

import gzip
import os
import re
import zlib
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

from django.db import transaction
from django.utils import timezone

from shipline.coordinator.jobs import is_live, over
from shipline.coordinator.models import Job, JobArtifact
from shipline.coordinator.progress import lock
from shipline.coordinator.refusal import Refusal
from shipline.coordinator.services import services
from shipline.model.duration import parse_duration
from shipline.model.variable import Variable

ARTIFACT_LIMIT = 1024 * 1024 * 1024
DOTENV_LIMIT = 5 * 1024
DOTENV_VARIABLES = 150
DEFAULT_EXPIRY = timedelta(days=30)
_DOTENV = re.compile(r"([A-Za-z_]\w*)=(.*)", re.ASCII)


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
        _check_dotenv(source, file_format)
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


def _check_dotenv(path: Path, file_format: str) -> None:
    """What is wrong with it is told to the job that made it, not to those that depend on it."""
    if file_format != "gzip":
        raise Refusal(400, "400 Bad request - a dotenv artifact's format is gzip")
    try:
        text = _unpack_dotenv(path)
    except (OSError, EOFError, zlib.error) as error:
        raise Refusal(400, "400 Bad request - the dotenv artifact is no gzip stream") from error
    if len(text) > DOTENV_LIMIT:
        raise Refusal(400, f"400 Bad request - dotenv artifact is larger than {DOTENV_LIMIT} bytes")
    if len(text.splitlines()) > DOTENV_VARIABLES:
        raise Refusal(400, f"400 Bad request - dotenv artifact has more than {DOTENV_VARIABLES} variables")


def _expiry(expire_in: str) -> datetime | None:
    if expire_in == "never":
        return None
    try:
        seconds = parse_duration(expire_in) if expire_in else None
        return timezone.now() + (timedelta(seconds=seconds) if seconds else DEFAULT_EXPIRY)
    except OverflowError:
        # Later than any date is never.
        return None


def read_dotenv(artifact: JobArtifact) -> list[Variable]:
    """The variables of a dotenv report."""
    text = _unpack_dotenv(services().data.coordinator / "artifacts" / artifact.file)
    found = []
    for line in text.decode(errors="replace").splitlines():
        if match := _DOTENV.fullmatch(line.strip()):
            value = match[2].strip()
            if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
                value = value[1:-1]
            found.append(Variable(match[1], value, raw=True))
    return found


def _unpack_dotenv(path: Path) -> bytes:
    """No more of it than tells that it is too large: a small stream may hold a great deal."""
    with gzip.open(path) as file:
        return file.read(DOTENV_LIMIT + 1)


def delete_artifacts(rows: Iterable[JobArtifact]) -> None:
    """Files first: a row without its file is answered as what is not there, and goes with the next try."""
    for artifact in rows:
        (services().data.coordinator / "artifacts" / artifact.file).unlink(missing_ok=True)
        artifact.delete()
